// From a stretch of audio with speech in it to its words. Notices when the decoder ran in circles or skipped
// speech, and then cuts the stretch at its quietest point and tries the parts.

import { firstFrames } from './align.ts';
import { levelsOf } from './loudness.ts';
import { type Decoded, ENCODER_HOP, type Network as WholeNetwork } from './network.ts';
import { quietest, type Stretch } from './regions.ts';
import { loopAtEnd, tokenLimit } from './repetition.ts';
import { SAMPLE_RATE } from './transcript.ts';
import { FRAME } from './voice.ts';
import { inOrder, sayable, type TimedWord, timedWords } from './words.ts';

/** The part of a network that is needed here. */
export type Network = Pick<WholeNetwork, 'decode'>;

/** What is recognised together. Seconds of the whole audio. */
export type Piece = {
  /** Samples to hear: the speech with some quiet around it. */
  samples: Float32Array;
  /** When the first sample is. */
  offset: number;
  /** Words may lie in here. */
  bounds: Stretch;
  /** Where the voice detector heard speech. */
  speech: readonly Stretch[];
};

/** A shorter piece is not cut again, seconds. */
const SHORTEST_CUT = 2;
/**
 * A word that takes longer, pauses not counted, probably hides words that were skipped. Seconds: for any word, and where
 * more is written in it for its letters and its digits and signs. "john.smith@example.com" takes 2.8 s to say, and as
 * skipped speech it had the recording cut in the middle of the telephone number before it.
 */
const LONGEST_WORD = 2;
const LONGEST_LETTER = 0.12;
const LONGEST_SIGN = 0.5;
/** A token less probable than this is doubtful. At 0.5 a tenth more is heard again, and 72 clips have the same errors. */
const DOUBTFUL = 0.4;
/**
 * Doubtful words are heard again with so much less quiet at the start, seconds: another framing, another chance. Once: with
 * 0.12 and 0.18 as well, 72 clips have the same 14 errors for a sixth more work.
 */
const FRAMING = 0.06;
/** Quiet left out at the start when a short piece with speech gave no word, seconds. */
const NUDGE = 0.1;

/** The words of `piece`. `tokens` is the text of each token id. */
export async function recognise(
  network: Network,
  tokens: readonly string[],
  heard: Piece,
): Promise<TimedWord[]> {
  const { decoded, piece } = await surest(network, heard);
  const cuttable = piece.samples.length >= 2 * SHORTEST_CUT * SAMPLE_RATE;
  if (!decoded.ended) {
    return cuttable ? inParts(network, tokens, piece) : wordsOf(withoutLoop(decoded), tokens, piece);
  }
  const words = wordsOf(decoded, tokens, piece);
  if (!skips(words)) return words;
  const again = cuttable ? await inParts(network, tokens, piece) : await nudged(network, tokens, piece);
  return again.length > words.length ? again : words;
}

/**
 * The reading with the higher mean log-probability of two framings, where the first has a doubtful token. The network is not
 * shift-invariant: the same words behind a little more or less quiet, or through another codec, come out with other
 * doubts. The first reading is the draft of the second: mostly they agree, and it is checked in one pass.
 */
async function surest(network: Network, piece: Piece): Promise<{ decoded: Decoded; piece: Piece }> {
  const first = { decoded: await listen(network, piece), piece };
  const { ended, probabilities, tokens } = first.decoded;
  if (!ended || probabilities.every((one) => one >= DOUBTFUL)) return first;
  const quiet = (piece.speech[0]?.start ?? piece.offset) - piece.offset;
  if (FRAMING > quiet) return first;
  const shorter = startingLater(piece, FRAMING);
  const decoded = await listen(network, shorter, tokens);
  const isSurer = decoded.ended && certainty(decoded) > certainty(first.decoded);
  return isSurer ? { decoded, piece: shorter } : first;
}

/** Mean log-probability of the tokens. */
function certainty({ probabilities }: Decoded): number {
  if (probabilities.length === 0) return Number.NEGATIVE_INFINITY;
  return probabilities.reduce((sum, one) => sum + Math.log(one), 0) / probabilities.length;
}

function startingLater(piece: Piece, seconds: number): Piece {
  const cut = Math.round(seconds * SAMPLE_RATE);
  return { ...piece, samples: piece.samples.subarray(cut), offset: piece.offset + cut / SAMPLE_RATE };
}

const listen = (network: Network, piece: Piece, draft: readonly number[] = []): Promise<Decoded> =>
  network.decode(piece.samples, {
    draft,
    limit: tokenLimit(piece.samples.length / SAMPLE_RATE),
    stop: (made) => loopAtEnd(made) !== undefined,
  });

/**
 * Whether speech was probably passed over. It happens: 11 s of a clear menu behind 1 s of digital silence gave no
 * word at all, and gave every word behind 0.5 s.
 */
const skips = (words: readonly TimedWord[]): boolean =>
  words.length === 0 || words.some((word) => word.end - word.start > longest(word.text));

function longest(word: string): number {
  const written = word.trim().replace(/[^\p{L}\p{N}]+$/u, '');
  const letters = written.match(/[\p{L}\p{M}']/gu)?.length ?? 0;
  return Math.max(LONGEST_WORD, letters * LONGEST_LETTER + ([...written].length - letters) * LONGEST_SIGN);
}

/** A second try with a little less quiet at the start, which is often enough to be heard. */
async function nudged(network: Network, tokens: readonly string[], piece: Piece): Promise<TimedWord[]> {
  const quiet = (piece.speech[0]?.start ?? piece.offset) - piece.offset;
  const later = Math.min(NUDGE, quiet);
  if (later <= 0) return [];
  const shorter = startingLater(piece, later);
  const decoded = await listen(network, shorter);
  return decoded.ended ? wordsOf(decoded, tokens, shorter) : [];
}

async function inParts(network: Network, tokens: readonly string[], piece: Piece): Promise<TimedWord[]> {
  const [left, right] = cut(piece);
  return [...(await recognise(network, tokens, left)), ...(await recognise(network, tokens, right))];
}

/** Two pieces that meet at the quietest point in the middle third. */
export function cut(piece: Piece): [Piece, Piece] {
  const at = quietest(levelsOf(piece.samples)) * FRAME;
  const time = piece.offset + at / SAMPLE_RATE;
  const part = (samples: Float32Array, offset: number, bounds: Stretch): Piece => ({
    samples,
    offset,
    bounds,
    speech: piece.speech
      .map((stretch) => ({
        start: Math.max(stretch.start, bounds.start),
        end: Math.min(stretch.end, bounds.end),
      }))
      .filter((stretch) => stretch.end > stretch.start),
  });
  return [
    part(piece.samples.subarray(0, at), piece.offset, { start: piece.bounds.start, end: time }),
    part(piece.samples.subarray(at), time, { start: time, end: piece.bounds.end }),
  ];
}

/** What came before the loop, and its first round. */
function withoutLoop(decoded: Decoded): Decoded {
  const loop = loopAtEnd(decoded.tokens);
  if (loop === undefined) return decoded;
  const kept = loop.start + loop.length;
  return {
    ...decoded,
    tokens: decoded.tokens.slice(0, kept),
    probabilities: decoded.probabilities.slice(0, kept),
    attention: decoded.attention.slice(0, kept + 1),
  };
}

function wordsOf(decoded: Decoded, tokens: readonly string[], piece: Piece): TimedWord[] {
  const end = piece.offset + piece.samples.length / SAMPLE_RATE;
  const times = firstFrames(decoded.attention, decoded.frames).map(
    (frame) => piece.offset + (frame * ENCODER_HOP) / SAMPLE_RATE,
  );
  // A decoder that was stopped has no row for the end.
  if (times.length === decoded.tokens.length) times.push(end);
  const pieces = decoded.tokens.map((token) => tokens[token] ?? '');
  const timed = timedWords(pieces, decoded.probabilities, times, piece.speech);
  const placed = inOrder(timed, piece.bounds);
  const said = sayable(placed);
  if (said.every(Boolean)) return placed;
  return inOrder(
    timed.filter((_, i) => said[i]),
    piece.bounds,
  );
}
