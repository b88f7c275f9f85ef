// Hosts as they are shown.
import { type Static, Type } from 'typebox';
import { HOST_STATES } from '../../delivery.ts';
import { closed, nullable, operation, PageQuery, pageOf, Time } from './operation.ts';

export const Host = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    origin: Type.String({ description: 'Scheme, name and port.' }),
    state: Type.Enum([...HOST_STATES]),
    silent_in_a_row: Type.Integer({
      minimum: 0,
      description: 'Attempts in a row, at any of its endpoints, that no answer came to.',
    }),
    open_until: nullable(Time),
    endpoints: Type.Integer({ minimum: 0, description: 'Counted up to 100.' }),
    waiting_endpoints: Type.Integer({
      minimum: 0,
      description: 'Those at which callbacks wait or are being sent, counted up to 100.',
    }),
    created_at: Time,
  },
  { title: 'Host', ...closed },
);
export type Host = Static<typeof Host>;

export const listHosts = operation({
  id: 'listHosts',
  tag: 'Endpoints',
  summary: 'List hosts (scheme, name, port), newest first: whether they answer at all',
  query: PageQuery,
  answers: { 200: { says: 'A page of them.', schema: pageOf(Host) } },
  refusals: ['request_invalid'],
});
