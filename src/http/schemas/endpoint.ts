// Endpoints as they are shown.
import { type Static, Type } from 'typebox';
import { ENDPOINT_STATES } from '../../delivery.ts';
import { closed, Id, nullable, operation, Time } from './operation.ts';

const Count = Type.Integer({ minimum: 0 });

export const Endpoint = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    url: Type.String({ description: 'Without its query.' }),
    state: Type.Enum([...ENDPOINT_STATES]),
    disabled_at: nullable(Time),
    disabled_reason: nullable(Type.String()),
    open_until: nullable(Time),
    paused_until: nullable(Time),
    failures_in_a_row: Count,
    failing_since: nullable(Time),
    attempts_24h: Count,
    success_rate_24h: nullable(Type.Number({ minimum: 0, maximum: 1 })),
    undelivered: Count,
    oldest_undelivered_at: nullable(Time),
    oldest_undelivered_age_s: nullable(Count),
    next_attempt_at: nullable(Time),
    created_at: Time,
  },
  { title: 'Endpoint', ...closed },
);
export type Endpoint = Static<typeof Endpoint>;

const tag = 'Endpoints';
const shown = { says: 'As it is now.', schema: Endpoint };
const one = { tag, params: Id, answers: { 200: shown }, refusals: ['endpoint_unknown'] } as const;

export const listEndpoints = operation({
  id: 'listEndpoints',
  tag,
  summary: 'List endpoints by URL, with their health',
  answers: {
    200: { says: 'All of them.', schema: Type.Object({ items: Type.Array(Endpoint) }, closed) },
  },
});

export const getEndpoint = operation({ id: 'getEndpoint', summary: 'Look up an endpoint', ...one });

export const disableEndpoint = operation({
  id: 'disableEndpoint',
  summary: 'Send nothing there: what is due waits',
  ...one,
});

export const enableEndpoint = operation({
  id: 'enableEndpoint',
  summary: 'Send there again, slowly at first',
  ...one,
});
