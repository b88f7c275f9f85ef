// What the reader of a transcript must know about its words, in sentences. Pure.
import type { Transcript, Utterance } from '../speech/transcript.ts';

/** Speech without a word: less of it is a cough or a bar of music. Seconds. */
const LEAST_UNHEARD = 2;
/** Stretches that are named; more are counted. */
const MOST_NAMED = 5;

const ENGLISH_ONLY = 'English is the only language of the speech model';

export function warningsOf({ utterances, speech }: Transcript): string[] {
  const warnings: string[] = [];
  const doubted = utterances.filter((utterance) => utterance.language_uncertain);
  if (doubted.length > 0) {
    const where = doubted.length === utterances.length ? 'This' : `What is said ${stretches(doubted)}`;
    warnings.push(
      `${where} does not sound like English, or is too unclear to be understood, and ${ENGLISH_ONLY}: do not rely on these words.`,
    );
  }
  // Told where most of the speech gave no word: in another language the recogniser often ends in a loop, and gives none.
  if (speech && speech.unheard >= LEAST_UNHEARD && 2 * speech.unheard > speech.heard + speech.unheard)
    warnings.push(
      `In ${Math.round(speech.unheard)} s of what sounds like speech not a word was understood: it may be another language (${ENGLISH_ONLY}), singing, or noise.`,
    );
  return warnings;
}

/** `from 0:12 to 1:03, from 4:10 to 4:20`; neighbours together. */
function stretches(doubted: readonly Utterance[]): string {
  const merged: { start: number; end: number }[] = [];
  for (const { start, end } of doubted) {
    const last = merged.at(-1);
    if (last && start - last.end < 2) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  const named = merged.slice(0, MOST_NAMED).map(({ start, end }) => `from ${clock(start)} to ${clock(end)}`);
  const more = merged.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and in ${more} more places` : ''}`;
}

function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(rest).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}
