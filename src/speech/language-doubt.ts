// Notices speech that is not English, by what the model itself makes of it. It knows English only, and writes English words for
// whatever it hears; but it is seldom sure of them. Pure, and nothing beside what is known already: the mean of the words'
// confidences. It cannot tell another language from speech that is too unclear to understand, and says so.
//
// Measured with moonshine-base (`npm run bench -- languages`, docs/speech.md). Real English, near and through a telephone, in
// noise, quiet: of 341 clips of 8 words or more the least sure has a mean of 0.80, of 153 clips of 4 to 7 words 0.64; joined to
// 10 to 30 s, 99 of 100 are above 0.87, and of a synthetic British voice above 0.65. Other languages, spoken and synthetic,
// joined so: 95 of 100 are below 0.63 in the worst (Russian and Spanish), all in most; stretches of 20 words are below 0.58 in
// 70 to 100 of 100. Whether the words are in a dictionary tells no more: those for German or French are English words nearly
// always (0.91 of the 20,000 usual ones, and 0.96 of real English).
import type { Utterance } from './transcript.ts';

/** A recording whose mean is below it is doubted. */
const LEAST_SURE = 0.63;
/** A stretch of one that is not: fewer words, of which more must be unsure. */
const LEAST_SURE_STRETCH = 0.58;
/** Of a few words, which one odd name makes doubtful. */
const LEAST_SURE_OF_FEW = 0.5;
const FEW_WORDS = 6;
/** Fewer are not judged. */
const FEWEST_WORDS = 4;
/** Words that are judged together where there are more: some 8 s of speech. */
const STRETCH_WORDS = 20;

/**
 * The utterances of one channel, in order; those that are doubted are marked. Where more than half of the words are doubted,
 * all are: in a Spanish call one stretch of fifty sounds English.
 */
export function withDoubts(utterances: readonly Utterance[]): Utterance[] {
  const stretches = stretchesOf(utterances).map((stretch) => ({
    stretch,
    isDoubted: isDoubted(stretch, LEAST_SURE_STRETCH),
  }));
  const doubted = stretches.filter(({ isDoubted }) => isDoubted).map(({ stretch }) => wordsIn(stretch));
  const isForeign = isDoubted(utterances, LEAST_SURE) || 2 * sum(doubted) > wordsIn(utterances);
  return stretches.flatMap(({ stretch, isDoubted }) =>
    isForeign || isDoubted
      ? stretch.map((utterance) => ({ ...utterance, language_uncertain: true as const }))
      : stretch,
  );
}

/** Whole utterances that have enough words together; what is left over belongs to the last one. */
function stretchesOf(utterances: readonly Utterance[]): Utterance[][] {
  const stretches: Utterance[][] = [];
  for (const utterance of utterances) {
    const last = stretches.at(-1);
    if (last && wordsIn(last) < STRETCH_WORDS) last.push(utterance);
    else stretches.push([utterance]);
  }
  const rest = stretches.at(-1);
  if (rest && stretches.length > 1 && wordsIn(rest) < STRETCH_WORDS) {
    stretches.pop();
    stretches.at(-1)?.push(...rest);
  }
  return stretches;
}

function isDoubted(stretch: readonly Utterance[], leastSure: number): boolean {
  const count = wordsIn(stretch);
  if (count < FEWEST_WORDS) return false;
  const mean = sum(stretch.flatMap(({ words }) => words.map(({ confidence }) => confidence))) / count;
  return mean < (count < FEW_WORDS ? LEAST_SURE_OF_FEW : leastSure);
}

const wordsIn = (utterances: readonly Utterance[]): number =>
  sum(utterances.map(({ words }) => words.length));

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
