// What add-ons found in a transcript, by the utterance it was found in. Pure: an add-on's results are read as far as they
// are what they should be, and left out otherwise.
import type { Addon, Result, Utterance } from '../../src/http/schemas/job.ts';

export type Entity = { type: string; start: number; end: number };
export type Mood = 'positive' | 'negative';
export type Found = { entities: readonly Entity[]; mood: Mood | null };

export type Findings = {
  of: (utterance: Utterance) => Found;
  hasMoods: boolean;
  /** Types of entities and how many of each, most first. */
  types: readonly (readonly [type: string, count: number])[];
};

const NOTHING: Found = { entities: [], mood: null };

export function findingsOf(result: Result): Findings {
  const all = result as Record<string, unknown>;
  const entities = listOf(all.named_entity_recognition).flatMap((one): Entity[] =>
    typeof one.entity_type === 'string' && isSpan(one)
      ? [{ type: one.entity_type, start: one.start, end: one.end }]
      : [],
  );
  const moods = listOf(all.sentiment_analysis).flatMap((one) =>
    (one.sentiment === 'positive' || one.sentiment === 'negative') && isSpan(one)
      ? [{ mood: one.sentiment as Mood, start: one.start, end: one.end, channel: one.channel }]
      : [],
  );
  const counts = Map.groupBy(entities, ({ type }) => type);
  return {
    of: (utterance) => {
      const within = ({ start, end }: { start: number; end: number }) =>
        start < utterance.end && end > utterance.start;
      const here = entities.filter(within);
      const mood = moods.find((one) => within(one) && one.channel === utterance.channel)?.mood ?? null;
      return here.length === 0 && mood === null ? NOTHING : { entities: here, mood };
    },
    hasMoods: isAddon(all.sentiment_analysis) && all.sentiment_analysis.success,
    types: [...counts]
      .map(([type, found]) => [type, found.length] as const)
      .toSorted(([, a], [, b]) => b - a),
  };
}

export const isAddon = (value: unknown): value is Addon =>
  typeof value === 'object' && value !== null && 'success' in value && 'results' in value;

function listOf(addon: unknown): Record<string, unknown>[] {
  if (!isAddon(addon) || !Array.isArray(addon.results)) return [];
  return addon.results.filter((one) => typeof one === 'object' && one !== null);
}

const isSpan = <T extends Record<string, unknown>>(one: T): one is T & { start: number; end: number } =>
  typeof one.start === 'number' && typeof one.end === 'number';
