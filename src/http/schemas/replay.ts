// Replays: what they are asked and how they are shown.
import { type Static, Type } from 'typebox';
import { REPLAY_STATES } from '../../delivery.ts';
import { CallbackFilter } from './callback-filter.ts';
import { closed, Id, nullable, operation, PageQuery, pageOf, Time } from './operation.ts';

export const ReplayRequest = Type.Object(
  { filter: CallbackFilter, rate: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })) },
  { title: 'ReplayRequest', ...closed },
);
export type ReplayRequest = Static<typeof ReplayRequest>;

const Count = Type.Integer({ minimum: 0 });
const Skipped = Type.Object({ in_flight: Count, body_gone: Count }, closed);

export const Replay = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    state: Type.Enum([...REPLAY_STATES]),
    filter: CallbackFilter,
    rate: Type.Integer({ description: 'Deliveries a second.' }),
    matched: Type.Integer({ minimum: 0, description: 'So far; `resent` and the skipped add up to it.' }),
    expected: nullable(
      Type.Integer({
        minimum: 0,
        description: 'How many fitted when it was made; null: more than are counted (200,000 are looked at).',
      }),
    ),
    resent: Count,
    skipped: Skipped,
    created_at: Time,
    completed_at: nullable(Time),
  },
  { title: 'Replay', ...closed },
);
export type Replay = Static<typeof Replay>;

export const ReplayPreview = Type.Object(
  {
    matched: Count,
    at_least: Type.Boolean({
      description:
        'The newest 200,000 callbacks were looked at, and there are more: the counts are the least.',
    }),
    resendable: Type.Integer({ minimum: 0, description: 'Without the skipped.' }),
    skipped: Skipped,
    endpoints: Type.Integer({ minimum: 0, description: 'That they go to.' }),
    seconds: Type.Integer({ minimum: 0, description: 'It takes at this rate, at least.' }),
  },
  { title: 'ReplayPreview', ...closed },
);
export type ReplayPreview = Static<typeof ReplayPreview>;

const tag = 'Callbacks';
const shown = { says: 'State and counts.', schema: Replay };

export const createReplay = operation(
  {
    id: 'createReplay',
    tag,
    summary: 'Send many callbacks again, by filter, at a rate',
    answers: { 201: shown },
    refusals: ['request_invalid', 'media_type_unsupported', 'replays_too_many'],
  },
  ReplayRequest,
);

export const previewReplay = operation(
  {
    id: 'previewReplay',
    tag,
    summary: 'How many callbacks a replay would send again; sends nothing',
    answers: { 200: { says: 'Counts at this moment.', schema: ReplayPreview } },
    refusals: ['request_invalid', 'media_type_unsupported'],
  },
  ReplayRequest,
);

export const listReplays = operation({
  id: 'listReplays',
  tag,
  summary: 'List replays, newest first',
  query: PageQuery,
  answers: { 200: { says: 'A page.', schema: pageOf(Replay) } },
  refusals: ['request_invalid'],
});

export const getReplay = operation({
  id: 'getReplay',
  tag,
  summary: 'Look up a replay',
  params: Id,
  answers: { 200: shown },
  refusals: ['replay_unknown'],
});

export const cancelReplay = operation({
  id: 'cancelReplay',
  tag,
  summary: 'Call a replay off; one that has ended stays as it ended',
  params: Id,
  answers: { 200: shown },
  refusals: ['replay_unknown'],
});
