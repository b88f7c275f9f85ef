// The stream of changes: what its events carry.
import { type Static, Type } from 'typebox';
import { DELIVERY_STATES } from '../../delivery.ts';
import { JOB_STATES } from '../../job.ts';
import { closed, operation } from './operation.ts';

export const JobEvent = Type.Object(
  { id: Type.String({ format: 'uuid' }), status: Type.Enum([...JOB_STATES]) },
  closed,
);
export type JobEvent = Static<typeof JobEvent>;

export const DeliveryEvent = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    transcription_id: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
    state: Type.Enum([...DELIVERY_STATES]),
    attempt_count: Type.Integer({ minimum: 0 }),
  },
  closed,
);
export type DeliveryEvent = Static<typeof DeliveryEvent>;

export const streamEvents = operation({
  id: 'streamEvents',
  tag: 'Events',
  summary: 'Changes of this account, as they happen (server-sent events)',
  description:
    '`job` carries `{id, status}`, `delivery` carries `{id, transcription_id, state, attempt_count}`; `resync` says that some may be missing. A hint, not a record.',
  headers: Type.Object({
    'last-event-id': Type.Optional(Type.String({ description: 'Goes on after it, where that is possible.' })),
  }),
  answers: { 200: { says: 'A stream.', schema: Type.String(), mediaType: 'text/event-stream' } },
  refusals: ['streams_too_many'],
});
