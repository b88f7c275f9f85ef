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

export const Replay = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    state: Type.Enum([...REPLAY_STATES]),
    filter: CallbackFilter,
    rate: Type.Integer({ description: 'Deliveries a second.' }),
    matched: Type.Integer({ minimum: 0, description: 'So far; `resent` and the skipped add up to it.' }),
    resent: Count,
    skipped: Type.Object({ in_flight: Count, body_gone: Count }, closed),
    created_at: Time,
    completed_at: nullable(Time),
  },
  { title: 'Replay', ...closed },
);
export type Replay = Static<typeof Replay>;

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
