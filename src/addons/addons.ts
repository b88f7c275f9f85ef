// A finished transcript into the add-ons its request asks for, an envelope each. A failed add-on is an envelope too; only
// an aborted signal, or what we are short of ourselves, ends all of it. Redaction comes first, and all others see what it left.

import { askedTypes } from '../entity-types.ts';
import type { RedactionStyle, SummaryType } from '../job-options.ts';
import { shortageOf } from '../shortage.ts';
import type { Utterance } from '../speech/transcript.ts';
import type { Analysis, Ask } from './analyse.ts';
import { type Chat, chatWith, type LanguageModel } from './chat.ts';
import { AddonFailure, type Envelope, failed, notSupported, succeeded } from './envelope.ts';
import { analyseInThread } from './language-thread.ts';
import { askPrompts, chapters, extract, summarise } from './questions.ts';
import { maskEverything } from './redact.ts';
import { type TranslationConfig, translate } from './translate.ts';

/** The request of a job, as it was checked when it came in. */
export type AddonRequest = Readonly<Record<string, unknown>>;

export type AddonOutcome = {
  /** Redacted when that was asked for. */
  utterances: Utterance[];
  /** Keyed as in the request. */
  envelopes: Record<string, Envelope>;
};

export type RunAddons = (
  utterances: Utterance[],
  request: AddonRequest,
  signal: AbortSignal,
) => Promise<AddonOutcome>;

export type AddonDeps = {
  /** Null when the operator named none. */
  languageModel: LanguageModel | null;
  /** Told of what is nobody's answer but a fault, with the name of the add-on. */
  onFault: (error: unknown, addon: string) => void;
  /** In a thread of its own; for tests of what a failing one does. */
  analyse?: (utterances: Utterance[], ask: Ask, signal: AbortSignal) => Promise<Analysis>;
};

const NOT_YET = {
  diarization: 'telling speakers of one channel apart',
  moderation: 'moderation',
} as const;

export function createAddons({ languageModel, onFault, analyse = analyseInThread }: AddonDeps): RunAddons {
  return async (heard, request, signal) => {
    const local = await localAddons(heard, request, { analyse, onFault }, signal);
    const chat = languageModel && chatWith(languageModel, signal);
    const asked = questionsOf(request);
    const asking = Object.entries(asked).map(async ([name, question]): Promise<[string, Envelope]> => {
      if (chat === null) return [name, failed(name, noModel(name))];
      if (local.withheld) return [name, failed(name, withheld())];
      const started = performance.now();
      const seconds = () => (performance.now() - started) / 1_000;
      try {
        return [name, await question(chat, local.utterances, seconds)];
      } catch (error) {
        signal.throwIfAborted();
        if (shortageOf(error) !== null) throw error;
        if (error instanceof AddonFailure) return [name, failed(name, error, seconds())];
        onFault(error, name);
        return [name, failed(name, fault(), seconds())];
      }
    });
    const answered = await Promise.all(asking);
    signal.throwIfAborted();
    return {
      utterances: local.utterances,
      envelopes: { ...local.envelopes, ...Object.fromEntries(answered), ...unsupported(request, heard) },
    };
  };
}

type Local = AddonOutcome & {
  /** Redaction was asked for and failed, so nobody may see the transcript. */
  withheld: boolean;
};

async function localAddons(
  heard: Utterance[],
  request: AddonRequest,
  { analyse, onFault }: Required<Pick<AddonDeps, 'analyse' | 'onFault'>>,
  signal: AbortSignal,
): Promise<Local> {
  const config = (request.pii_redaction_config ?? {}) as {
    entity_types?: string | string[];
    processed_text_type?: RedactionStyle;
  };
  const entityTypes = [config.entity_types ?? []].flat();
  const redaction =
    request.pii_redaction === true ? { entityTypes, style: config.processed_text_type ?? 'MARKER' } : null;
  const ask: Ask = {
    entities: request.named_entity_recognition === true,
    sentiment: request.sentiment_analysis === true,
    redaction,
  };
  const names = [
    ask.entities && 'named_entity_recognition',
    ask.sentiment && 'sentiment_analysis',
    redaction && 'pii_redaction',
  ].filter((name) => typeof name === 'string');
  if (names.length === 0) return { utterances: heard, envelopes: {}, withheld: false };

  const started = performance.now();
  try {
    const { utterances, entities, sentiment, redacted } =
      heard.length === 0
        ? { utterances: heard, entities: [], sentiment: [], redacted: {} }
        : await analyse(heard, ask, signal);
    const seconds = (performance.now() - started) / 1_000;
    const envelopes: Record<string, Envelope> = {};
    if (ask.entities) envelopes.named_entity_recognition = succeeded(entities, seconds);
    if (ask.sentiment) envelopes.sentiment_analysis = succeeded(sentiment, seconds);
    if (redaction) {
      const results = { redacted, not_recognised: askedTypes(entityTypes).misses };
      envelopes.pii_redaction = {
        ...succeeded(results, seconds),
        is_empty: Object.keys(redacted).length === 0,
      };
    }
    return { utterances, envelopes, withheld: false };
  } catch (error) {
    signal.throwIfAborted();
    if (shortageOf(error) !== null) throw error;
    onFault(error, names.join(', '));
    const seconds = (performance.now() - started) / 1_000;
    const envelopes = Object.fromEntries(
      names.map((name) => [name, failed(name, name === 'pii_redaction' ? allMasked() : fault(), seconds)]),
    );
    // What was to be redacted and could not be is withheld: a transcript in clear cannot be called back.
    return { utterances: redaction ? maskEverything(heard) : heard, envelopes, withheld: redaction !== null };
  }
}

type Question = (chat: Chat, utterances: Utterance[], seconds: () => number) => Promise<Envelope>;

/** What goes to the language model; a transcript without a word is not sent to it. */
function questionsOf(request: AddonRequest): Record<string, Question> {
  const config = <T>(name: string) => (request[`${name}_config`] ?? {}) as T;
  const asked: Record<string, Question> = {};
  const ask = <T>(name: string, empty: T, question: (...given: Parameters<Question>) => Promise<T>) => {
    if (request[name] !== true) return;
    asked[name] = async (chat, utterances, seconds) => {
      const results = utterances.length === 0 ? empty : await question(chat, utterances, seconds);
      return succeeded(results, seconds());
    };
  };
  ask('summarization', '', (chat, utterances) =>
    summarise(chat, utterances, config<{ type?: SummaryType }>('summarization').type ?? 'general'),
  );
  ask('chapterization', [], chapters);
  ask('structured_data_extraction', {}, (chat, utterances) =>
    extract(chat, utterances, config<{ classes: string[] }>('structured_data_extraction').classes),
  );
  if (request.translation === true)
    asked.translation = async (chat, utterances, seconds) =>
      allOrError(
        await translate(chat, utterances, config<TranslationConfig>('translation')),
        utterances.length === 0,
        seconds(),
      );
  if (request.audio_to_llm === true)
    asked.audio_to_llm = async (chat, utterances, seconds) =>
      allOrError(
        utterances.length === 0
          ? []
          : await askPrompts(chat, utterances, config<{ prompts: string[] }>('audio_to_llm').prompts),
        utterances.length === 0,
        seconds(),
      );
  return asked;
}

/** One part that failed makes the whole unsuccessful, with its reason; the other parts are there all the same. */
function allOrError(results: { error: Envelope['error'] }[], wordless: boolean, seconds: number): Envelope {
  const error = results.find((part) => part.error !== null)?.error ?? null;
  const is_empty = wordless || results.every((part) => part.error !== null);
  return { ...succeeded(results, seconds), success: error === null, error, is_empty };
}

function unsupported(request: AddonRequest, heard: readonly Utterance[]): Record<string, Envelope> {
  const asked = Object.entries(NOT_YET).filter(([name]) => {
    // Told apart by their channels: nothing is missing.
    if (name === 'diarization' && heard.some(({ speaker }) => speaker !== undefined)) return false;
    return request[name] === true || Array.isArray(request[name]);
  });
  return Object.fromEntries(asked.map(([name, what]) => [name, notSupported(name, what)]));
}

const noModel = (addon: string) =>
  new AddonFailure(
    501,
    'NotConfigured',
    `${addon} needs a language model, and this server has none: its operator can name one with RINGBACK_LLM_URL and RINGBACK_LLM_MODEL. The transcription itself is complete.`,
  );
const fault = () =>
  new AddonFailure(
    500,
    'Internal',
    'Something failed inside Ringback: the transcription itself is complete.',
  );
const allMasked = () =>
  new AddonFailure(
    500,
    'Internal',
    'Redaction failed inside Ringback, so every word is masked: submit the audio again.',
  );
const withheld = () =>
  new AddonFailure(
    500,
    'Internal',
    'Redaction failed, so the transcript was not given to the language model.',
  );
