// Which callbacks are meant, where many are sent again or cancelled together.
import { Type } from 'typebox';
import { DELIVERY_EVENTS, DELIVERY_STATES } from '../../delivery.ts';
import { closed } from './operation.ts';

export const CallbackFilter = Type.Object(
  {
    state: Type.Optional(Type.Array(Type.Enum([...DELIVERY_STATES]), { minItems: 1 })),
    endpoint: Type.Optional(Type.String()),
    event: Type.Optional(Type.Enum([...DELIVERY_EVENTS])),
    transcription_id: Type.Optional(Type.String()),
    webhook_id: Type.Optional(Type.String()),
    created_after: Type.Optional(Type.String()),
    created_before: Type.Optional(Type.String()),
  },
  // Closed: a misspelt field that was ignored would widen it to everything.
  closed,
);
