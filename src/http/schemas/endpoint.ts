// Endpoints as they are shown.
import { type Static, Type } from 'typebox';
import { ENDPOINT_HEALTHS, ENDPOINT_SORTS, ENDPOINT_STATES } from '../../delivery.ts';
import { closed, Id, nullable, operation, PageQuery, pageOf, Time } from './operation.ts';

const Count = Type.Integer({ minimum: 0 });

export const Endpoint = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    url: Type.String({ description: 'Without its query.' }),
    health: Type.Enum([...ENDPOINT_HEALTHS], {
      description:
        'In one word: `disabled`; `resting`, as its breaker or that of its host is not closed; `paused`, as it asked for patience; `failing`, its last attempts failed; else `healthy`.',
    }),
    state: Type.Enum([...ENDPOINT_STATES], { description: 'Of its breaker, or `disabled`.' }),
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
const one = {
  tag,
  params: Id,
  answers: { 200: shown },
  refusals: ['request_invalid', 'endpoint_unknown'],
} as const;

export const EndpointQuery = Type.Object({
  sort: Type.Optional(
    Type.Enum([...ENDPOINT_SORTS], {
      default: 'url',
      description:
        '`url`; `created`, the newest first; `undelivered`, the most first; `oldest`, where something has waited longest first; `success`, the worst rate of 24 hours first; `failing`, the most failures in a row first.',
    }),
  ),
  state: Type.Optional(Type.Array(Type.Enum([...ENDPOINT_STATES]), { description: 'May be repeated.' })),
  health: Type.Optional(Type.Array(Type.Enum([...ENDPOINT_HEALTHS]), { description: 'May be repeated.' })),
  search: Type.Optional(
    Type.String({ maxLength: 200, description: 'In the URL, whatever its letter case.' }),
  ),
  ...PageQuery.properties,
});
export type EndpointQuery = Static<typeof EndpointQuery>;

export const listEndpoints = operation({
  id: 'listEndpoints',
  tag,
  summary: 'List endpoints, with their health',
  description:
    'In an order by what changes (`undelivered`, `oldest`, `success`, `failing`) one that changes while the list is walked may show up twice, or not at all.',
  query: EndpointQuery,
  answers: { 200: { says: 'A page.', schema: pageOf(Endpoint) } },
  refusals: ['request_invalid'],
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

export const RemovedEndpoint = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    url: Type.String(),
    cancelled: Type.Integer({ minimum: 0, description: 'Callbacks that waited there.' }),
    in_flight: Type.Integer({
      minimum: 0,
      description: 'Callbacks being sent there at this moment: nothing further is begun of them.',
    }),
  },
  { title: 'RemovedEndpoint', ...closed },
);
export type RemovedEndpoint = Static<typeof RemovedEndpoint>;

export const removeEndpoint = operation({
  id: 'removeEndpoint',
  tag,
  summary: 'Remove an endpoint: what waits there is cancelled',
  description:
    'Callbacks that were sent there stay on record, with `endpoint_id` null. A later callback to the same URL makes a new endpoint.',
  params: Id,
  answers: { 200: { says: 'Removed.', schema: RemovedEndpoint } },
  refusals: ['request_invalid', 'endpoint_unknown'],
});
