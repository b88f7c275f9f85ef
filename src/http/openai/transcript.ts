// A finished transcription as OpenAI shows it. In pieces and in turns: of ten hours, the words have megabytes.
import { deflateSync } from 'node:zlib';
import type { Outline } from '../../store/transcript-parts.ts';
import { breather } from '../../turns.ts';
import type { Segment } from '../schemas/openai.ts';
import type { Options } from './options.ts';

type Utterance = {
  start: number;
  end: number;
  confidence: number;
  text: string;
  words: { word: string; start: number; end: number }[];
};

const named = new Intl.DisplayNames(['en'], { type: 'language' });

/** What `json` and `verbose_json` have beside the words. */
function frame({ duration, languages, warnings, request_notes }: Outline) {
  return {
    languages: (languages ?? []).map((code) => ({ code })),
    // Whole seconds, as there.
    usage: { type: 'duration' as const, seconds: Math.ceil(duration ?? 0) },
    // Ringback's own, and only where there is something to say.
    ...(warnings && warnings.length > 0 && { warnings }),
    ...(request_notes && request_notes.length > 0 && { request_notes }),
  };
}

export function jsonOf(text: string, outline: Outline): string {
  return JSON.stringify({ text, ...frame(outline) });
}

/** There it is the name of the language, and not its code; `unknown` where it is not clear, or nothing was said. */
function verboseHead(text: string, outline: Outline): object {
  const [code] = outline.languages ?? [];
  return {
    task: 'transcribe',
    language: code === undefined ? 'unknown' : (named.of(code) ?? code).toLowerCase(),
    duration: outline.duration ?? 0,
    text,
    ...frame(outline),
  };
}

type Transcript = { text: string; outline: Outline; utterances: readonly string[] };

/** `head` stands before what is asked for of words and segments. */
async function* withTimes(
  head: object,
  utterances: readonly string[],
  { words, segments }: Options,
): AsyncGenerator<string> {
  yield JSON.stringify(head).slice(0, -1);
  if (segments) yield* list('segments', utterances, (one, id) => [segmentOf(one, id)]);
  if (words)
    yield* list('words', utterances, (one) =>
      one.words.map(({ word, start, end }) => ({ word: word.trim(), start, end })),
    );
  yield '}';
}

async function* list(
  name: string,
  utterances: readonly string[],
  of: (utterance: Utterance, index: number) => object[],
): AsyncGenerator<string> {
  const breath = breather();
  yield `,"${name}":[`;
  let between = '';
  for (const [index, text] of utterances.entries()) {
    const items = of(JSON.parse(text), index).map((one) => JSON.stringify(one));
    if (items.length > 0) {
      yield between + items.join(',');
      between = ',';
    }
    await breath();
  }
  yield ']';
}

export function verboseOf(
  { text, outline, utterances }: Transcript,
  options: Options,
): AsyncGenerator<string> {
  return withTimes(verboseHead(text, outline), utterances, options);
}

/**
 * An utterance in the fields that typed clients cannot do without. What is not known here says so: no tokens, the one
 * temperature there is, and no doubt that there is speech, for what has none is no utterance.
 */
function segmentOf({ start, end, text, confidence }: Utterance, id: number): Segment {
  const bytes = Buffer.byteLength(text);
  return {
    id,
    // In hundredths of a second, as there.
    seek: Math.round(start * 100),
    start,
    end,
    text,
    tokens: [],
    temperature: 0,
    avg_logprob: rounded(Math.log(Math.max(confidence, 0.001))),
    compression_ratio: rounded(bytes / Math.max(1, deflateSync(text).length)),
    no_speech_prob: 0,
  };
}

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

/** The words as events: utterance by utterance, and then all of them; with times where `verbose_json` was asked for. */
export async function* eventsOf(
  { text, outline, utterances }: Transcript,
  options: Options,
): AsyncGenerator<string> {
  const breath = breather();
  for (const [index, json] of utterances.entries()) {
    const utterance = JSON.parse(json) as Utterance;
    const delta = index === 0 ? utterance.text : ` ${utterance.text}`;
    yield event('transcript.text.delta', JSON.stringify({ type: 'transcript.text.delta', delta }));
    await breath();
  }
  const type = 'transcript.text.done';
  if (options.format !== 'verbose_json') {
    const { languages, warnings, request_notes } = frame(outline) as Record<string, unknown>;
    yield event(type, JSON.stringify({ type, text, languages, warnings, request_notes }));
    return;
  }
  yield `event: ${type}\ndata: `;
  yield* withTimes({ type, ...verboseHead(text, outline) }, utterances, options);
  yield '\n\n';
}

const event = (name: string, data: string): string => `event: ${name}\ndata: ${data}\n\n`;
