// Inboxes, what comes to them and what they answer.
import { type Static, Type } from 'typebox';
import { INBOX_ACTIONS, INBOX_LIMITS, INBOX_REQUEST_STATES } from '../../inbox.ts';
import { closed, Id, nullable, operation, PageQuery, pageOf, Time } from './operation.ts';

const Headers = Type.Record(Type.String(), Type.String());

export const InboxAnswer = Type.Object(
  {
    status: Type.Optional(Type.Integer({ minimum: 200, maximum: 599, default: 200 })),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description:
          'Such as `retry-after`. Not those of the connection, nor those by which a browser would judge this whole server.',
      }),
    ),
    body: Type.Optional(Type.String({ maxLength: INBOX_LIMITS.answerBytes })),
    delay_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: INBOX_LIMITS.delayMs, default: 0 })),
    action: Type.Optional(
      Type.Enum([...INBOX_ACTIONS], {
        description: '`hang`: no answer, for two minutes; `cut`: the connection is closed without one.',
        default: 'answer',
      }),
    ),
  },
  { title: 'InboxAnswer', ...closed },
);

const told = {
  answer: Type.Optional(
    Type.Union([InboxAnswer, Type.Array(InboxAnswer, { minItems: 1, maxItems: INBOX_LIMITS.answers })], {
      description:
        'What every request is answered; or a list, of which each request gets the next, and after the last the last again. Usually 200. Told anew, it begins anew.',
    }),
  ),
  forward: Type.Optional(
    Type.Boolean({
      description:
        'Requests are for a forwarder to answer (`ringback listen --forward`): while none is connected they are answered 503 with `Retry-After`, and come again. Usually false: then they are answered as told.',
    }),
  ),
  max_bytes: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: INBOX_LIMITS.mostBytes,
      default: INBOX_LIMITS.usualBytes,
      description: 'A larger body is answered 413, and not kept.',
    }),
  ),
} as const;
const name = Type.String({ minLength: 1, maxLength: 100 });

export const InboxRequestFields = Type.Object({ name, ...told }, { title: 'NewInbox', ...closed });
export type InboxRequestFields = Static<typeof InboxRequestFields>;
export const InboxChange = Type.Object(
  { name: Type.Optional(name), ...told },
  { title: 'InboxChange', ...closed },
);
export type InboxChange = Static<typeof InboxChange>;

export const Inbox = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    name: Type.String(),
    address: Type.String({ description: 'For `callback_config.url`. Whoever knows it may call it.' }),
    answer: Type.Array(InboxAnswer),
    forward: Type.Boolean(),
    forwarder_connected: Type.Boolean({ description: 'Then a request waits for its answer.' }),
    max_bytes: Type.Integer(),
    requests: Type.Integer({ minimum: 0, description: 'Kept at this moment.' }),
    last_number: Type.Integer({ minimum: 0, description: 'Of the last request; 0 before the first.' }),
    last_request_at: nullable(Time),
    created_at: Time,
  },
  { title: 'Inbox', ...closed },
);
export type Inbox = Static<typeof Inbox>;

const Body = Type.Union(
  [Type.Object({ text: Type.String() }, closed), Type.Object({ base64: Type.String() }, closed), Type.Null()],
  { description: 'Text where that is the very bytes; null where they are more than 16 KiB.' },
);

export const InboxRequest = Type.Object(
  {
    number: Type.Integer({ minimum: 1 }),
    received_at: Time,
    method: Type.String(),
    query: Type.String({ description: 'As it came, with its question mark; empty without one.' }),
    headers: Type.Array(Type.Array(Type.String(), { minItems: 2, maxItems: 2 }), {
      description: 'Name and value of each, in the order and the spelling in which they came.',
    }),
    bytes: Type.Integer({ minimum: 0, description: 'Of the body.' }),
    body: Body,
    signature: Type.Union([Type.Enum(['valid', 'invalid']), Type.Null()], {
      description:
        "By the account's signing secrets, as it arrived; null: it had none, or its body is none that could be checked.",
    }),
    state: Type.Enum([...INBOX_REQUEST_STATES], {
      description:
        '`waiting` for a forwarder; `held` and `cut` as its inbox was told; `left`: its sender did not wait for the answer.',
    }),
    answer_within_ms: nullable(Type.Integer({ minimum: 0 })),
    answered_by: nullable(Type.Enum(['inbox', 'forwarder'])),
    answer: nullable(Type.Object({ status: Type.Integer(), headers: Headers, body: Body }, closed)),
    answered_at: nullable(Time),
  },
  { title: 'InboxRequest', ...closed },
);
export type InboxRequest = Static<typeof InboxRequest>;

export const ForwardedAnswer = Type.Object(
  {
    status: Type.Optional(Type.Integer({ minimum: 200, maximum: 599, default: 200 })),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: 'Those an inbox never sends are left out.' }),
    ),
    body_base64: Type.Optional(
      Type.String({ maxLength: 90_000, description: `At most ${INBOX_LIMITS.answerBytes} bytes.` }),
    ),
  },
  { title: 'ForwardedAnswer', ...closed },
);
export type ForwardedAnswer = Static<typeof ForwardedAnswer>;

const tag = 'Inboxes';
const one = { says: 'The inbox.', schema: Inbox };
const unknown = ['inbox_unknown', 'inboxes_off'] as const;
const Numbered = Type.Object({ ...Id.properties, n: Type.Integer({ minimum: 1 }) });

export const createInbox = operation(
  {
    id: 'createInbox',
    tag,
    summary: 'A receiver of the server itself',
    description:
      'Its address takes any method and body, keeps the last 100 requests for a day, and answers as told.',
    answers: { 201: one },
    refusals: [
      'request_invalid',
      'media_type_unsupported',
      'inbox_name_taken',
      'inboxes_too_many',
      'inboxes_off',
    ],
  },
  InboxRequestFields,
);

export const listInboxes = operation({
  id: 'listInboxes',
  tag,
  summary: 'List inboxes, newest first',
  query: PageQuery,
  answers: { 200: { says: 'A page.', schema: pageOf(Inbox) } },
  refusals: ['request_invalid', 'inboxes_off'],
});

export const getInbox = operation({
  id: 'getInbox',
  tag,
  summary: 'Look up an inbox',
  params: Id,
  answers: { 200: one },
  refusals: unknown,
});

export const updateInbox = operation(
  {
    id: 'updateInbox',
    tag,
    summary: 'Change what an inbox is called, takes and answers',
    params: Id,
    answers: { 200: one },
    refusals: ['request_invalid', 'media_type_unsupported', 'inbox_name_taken', ...unknown],
  },
  InboxChange,
);

export const deleteInbox = operation({
  id: 'deleteInbox',
  tag,
  summary: 'Delete an inbox with all that came to it; its address is gone for good',
  params: Id,
  answers: { 204: { says: 'Deleted.' } },
  refusals: unknown,
});

export const listInboxRequests = operation({
  id: 'listInboxRequests',
  tag,
  summary: 'What came to an inbox, newest first',
  params: Id,
  query: PageQuery,
  answers: { 200: { says: 'A page.', schema: pageOf(InboxRequest) } },
  refusals: ['request_invalid', ...unknown],
});

export const getInboxBody = operation({
  id: 'getInboxRequestBody',
  tag,
  summary: 'The body of a request, byte for byte',
  params: Numbered,
  answers: {
    200: {
      says: 'The bytes.',
      schema: Type.String({ format: 'binary' }),
      mediaType: 'application/octet-stream',
    },
  },
  refusals: ['inbox_request_unknown', ...unknown],
});

export const streamInbox = operation({
  id: 'streamInbox',
  tag,
  summary: 'Requests as they come (server-sent events)',
  description:
    '`request` carries an `InboxRequest`, its number is the id of the event; `gone` says that the inbox was deleted. With `forward=true` whoever reads is a forwarder: requests wait for the answer it gives, and those that wait already come first.',
  params: Id,
  query: Type.Object({ forward: Type.Optional(Type.Boolean({ default: false })) }),
  headers: Type.Object({
    'last-event-id': Type.Optional(
      Type.String({ description: 'A number: goes on after it. Without it, from now on.' }),
    ),
  }),
  answers: { 200: { says: 'A stream.', schema: Type.String(), mediaType: 'text/event-stream' } },
  refusals: ['request_invalid', 'streams_too_many', ...unknown],
});

export const answerInbox = operation(
  {
    id: 'answerInboxRequest',
    tag,
    summary: 'Answer a request that waits',
    description: 'It becomes the answer of the inbox. Of several forwarders, the first to answer counts.',
    params: Numbered,
    answers: { 204: { says: 'Passed on.' } },
    refusals: [
      'request_invalid',
      'media_type_unsupported',
      'inbox_request_unknown',
      'inbox_request_over',
      ...unknown,
    ],
  },
  ForwardedAnswer,
);
