// Figures of an account over a time.
import { type Static, Type } from 'typebox';
import { closed, nullable, operation, Time } from './operation.ts';

const Count = Type.Integer({ minimum: 0 });
const Latency = nullable(Type.Number({ minimum: 0, description: 'Milliseconds; null: no attempt.' }));

const figures = {
  callbacks: Type.Object({ delivered: Count, failed: Count, cancelled: Count }, closed),
  attempts: Type.Object({ count: Count, p50_ms: Latency, p95_ms: Latency }, closed),
  transcriptions: Type.Object({ done: Count, error: Count }, closed),
  audio_s: Type.Number({ minimum: 0, description: 'Seconds of audio transcribed.' }),
} as const;

export const Stats = Type.Object(
  {
    from: Time,
    to: Time,
    step_s: Type.Integer({ minimum: 1 }),
    total: Type.Object(figures, closed),
    now: Type.Object(
      {
        waiting: Type.Integer({ minimum: 0, description: 'Callbacks that wait or are being sent.' }),
        oldest_waiting_at: nullable(Time),
        queued: Count,
        processing: Count,
        oldest_queued_at: nullable(Time),
      },
      closed,
    ),
    steps: Type.Array(Type.Object({ at: Time, ...figures }, closed)),
  },
  { title: 'Stats', ...closed },
);
export type Stats = Static<typeof Stats>;

export const StatsQuery = Type.Object({
  endpoint: Type.Optional(
    Type.String({
      format: 'uuid',
      description: 'Of callbacks to this endpoint alone; transcriptions and audio are 0 then.',
    }),
  ),
  from: Type.Optional(Type.String({ description: 'ISO 8601 with a zone; 24 hours before `to`.' })),
  to: Type.Optional(Type.String({ description: 'ISO 8601 with a zone, this instant excluded; now.' })),
  step: Type.Optional(
    Type.Integer({ minimum: 60, maximum: 86_400, description: 'Seconds; about 48 steps by default.' }),
  ),
});
export type StatsQuery = Static<typeof StatsQuery>;

export const readStats = operation({
  id: 'readStats',
  tag: 'Server',
  summary: 'Figures of the account: callbacks by outcome, latency, transcriptions, audio',
  description: 'What ended within the time, step by step and in total, at most 31 days; and what waits now.',
  query: StatsQuery,
  answers: { 200: { says: 'The figures.', schema: Stats } },
  refusals: ['request_invalid'],
});
