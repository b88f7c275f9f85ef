// What a callback may carry beside its body, wherever one is asked for.
import { Type } from 'typebox';
import { MOST_HEADER_BYTES, MOST_HEADERS } from '../../callback-headers.ts';
import { CALLBACK_FORMATS } from '../../delivery.ts';

export const CallbackExtras = {
  headers: Type.Optional(
    Type.Record(Type.String(), Type.String({ maxLength: MOST_HEADER_BYTES }), {
      description: `Sent with every attempt, to the origin of the URL alone; at most ${MOST_HEADERS}, ${MOST_HEADER_BYTES} bytes together. The values are secret, and shown nowhere. Not webhook-*, content-*, ringback-*, host, nor those of a connection.`,
    }),
  ),
  format: Type.Optional(
    Type.Enum([...CALLBACK_FORMATS], {
      description:
        'short: events success and error, string codes. gladia: transcription.success and transcription.error, integer codes. record: the body of GET /v2/pre-recorded/{id} with `event` added. Without it: RINGBACK_CALLBACK_FORMAT.',
    }),
  ),
};
