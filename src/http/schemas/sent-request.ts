// What a receiver is sent.
import { type Static, Type } from 'typebox';
import { METHODS } from '../../delivery.ts';
import { closed, Id, nullable, operation } from './operation.ts';

export const SentRequest = Type.Object(
  {
    method: Type.Enum([...METHODS]),
    url: Type.String({ description: 'Its query is not shown: secrets ride there.' }),
    attempt: Type.Integer({ minimum: 0, description: 'Of the last attempt; 0: none was made so far.' }),
    headers: Type.Record(Type.String(), Type.String(), {
      description:
        'Of the last attempt, without `webhook-signature`, which is not kept: it is that of `webhook-id.webhook-timestamp.body`. Values of `callback_config.headers`, and of a user and password in the URL, are secret: only their names are shown.',
    }),
    bytes: nullable(
      Type.Integer({ minimum: 0, description: 'Of the body, unpacked; null once it was removed.' }),
    ),
  },
  { title: 'SentRequest', ...closed },
);
export type SentRequest = Static<typeof SentRequest>;

const tag = 'Callbacks';

export const getSentRequest = operation({
  id: 'getCallbackRequest',
  tag,
  summary: 'The request of a callback: its head as it was sent last',
  params: Id,
  answers: { 200: { says: 'The head.', schema: SentRequest } },
  refusals: ['callback_unknown'],
});

export const getSentBody = operation({
  id: 'getCallbackRequestBody',
  tag,
  summary: 'The body of a callback, byte for byte (unpacked, where it travels gzipped)',
  params: Id,
  answers: {
    200: { says: 'The bytes that are signed.', mediaType: 'application/json', schema: Type.Unknown() },
  },
  refusals: ['callback_unknown', 'callback_body_gone'],
});
