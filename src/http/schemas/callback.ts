// Callbacks: how their deliveries are shown, and the request itself as a receiver sees it.
import { type Static, Type } from 'typebox';
import {
  DELIVERY_EVENTS,
  DELIVERY_FORMS,
  DELIVERY_STATES,
  EVENTS,
  METHODS,
  TRIGGERS,
} from '../../delivery.ts';
import { JOB_ERRORS, type JobErrorCode } from '../../errors.ts';
import { CallbackExtras } from './callback-extras.ts';
import { CallbackFilter } from './callback-filter.ts';
import { Job, Result } from './job.ts';
import { closed, Id, nullable, operation, orNothing, PageQuery, pageOf, Time } from './operation.ts';

const Milliseconds = Type.Number({ minimum: 0 });

export const Attempt = Type.Object(
  {
    number: Type.Integer({ minimum: 1 }),
    trigger: Type.Enum([...TRIGGERS]),
    form: Type.Enum([...DELIVERY_FORMS]),
    started_at: Time,
    duration_ms: nullable(Milliseconds),
    phases_ms: nullable(Type.Record(Type.String(), nullable(Milliseconds))),
    address: nullable(Type.String()),
    outcome: Type.String(),
    status: nullable(Type.Integer()),
    url: Type.String({
      description:
        'Where it went, without the query: elsewhere than `url` of a callback that was sent again to another URL since.',
    }),
    location: Type.Union([Type.String(), Type.Null()], {
      description: 'Of a redirect, without its query; never followed.',
    }),
    answer: nullable(
      Type.Object(
        {
          text: Type.Optional(
            Type.String({ description: "What it repeats of our URL's query is masked with `…`." }),
          ),
          base64: Type.Optional(Type.String({ description: 'In place of `text`, where it is none.' })),
          bytes: nullable(Type.Integer()),
          truncated: nullable(Type.Boolean()),
        },
        closed,
      ),
    ),
    error: nullable(Type.Object({ class: Type.String(), message: nullable(Type.String()) }, closed)),
    next_attempt_at: nullable(Time),
  },
  { title: 'Attempt', ...closed },
);
export type Attempt = Static<typeof Attempt>;

const shown = {
  id: Type.String({ format: 'uuid', description: 'The `webhook-id` of its requests.' }),
  transcription_id: Type.Union([Type.String({ format: 'uuid' }), Type.Null()], {
    description: 'Null: it tells of an endpoint.',
  }),
  webhook_id: Type.Union([Type.String({ format: 'uuid' }), Type.Null()], {
    description: "Null: it is a transcription's own callback.",
  }),
  endpoint_id: Type.Union([Type.String({ format: 'uuid' }), Type.Null()], {
    description: 'Null once the endpoint was removed; sent again, it has a new one.',
  }),
  url: Type.String({ description: 'Its query is not shown: secrets ride there.' }),
  method: Type.Enum([...METHODS]),
  event: Type.Enum([...DELIVERY_EVENTS], {
    description:
      "Of a job's own callback `success` or `error`; of a webhook any of its events, without `transcription.`.",
  }),
  form: Type.Enum([...DELIVERY_FORMS]),
  test: Type.Boolean({
    description:
      'Sent by `POST /api/callbacks/test` or by the test of a webhook: its words are a sample, and no transcription has its id.',
  }),
  bytes: Type.Union([Type.Integer(), Type.Null()], { description: 'Null once the body was removed.' }),
  state: Type.Enum([...DELIVERY_STATES]),
  reason: Type.Union([Type.String(), Type.Null()], {
    description: 'Why it ended so; of one that waits, why it is not being sent, and until when.',
  }),
  attempt_count: Type.Integer({ minimum: 0 }),
  last_status: Type.Union([Type.Integer(), Type.Null()], {
    description: 'That its last attempt was answered with.',
  }),
  last_error: Type.Union([Type.String(), Type.Null()], {
    description: 'In a word, why its last attempt was not answered.',
  }),
  custom_metadata: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()], {
    description: 'Of its transcription, while that is there.',
  }),
  next_attempt_at: Type.Union([Time, Type.Null()], {
    description:
      'Of one that waits: at the earliest, as its endpoint and its host rest or asked for patience; null while the endpoint is disabled.',
  }),
  created_at: Time,
  completed_at: nullable(Time),
} as const;

/** As in lists. */
export const Callback = Type.Object(shown, { title: 'Callback', ...closed });
export type Callback = Static<typeof Callback>;

export const CallbackWithAttempts = Type.Object(
  { ...shown, attempts: Type.Array(Attempt) },
  { title: 'CallbackWithAttempts', ...closed },
);
export type CallbackWithAttempts = Static<typeof CallbackWithAttempts>;

export const CallbackQuery = Type.Object({
  state: Type.Optional(Type.Array(Type.Enum([...DELIVERY_STATES]), { description: 'May be repeated.' })),
  endpoint: Type.Optional(Type.String({ format: 'uuid' })),
  transcription_id: Type.Optional(Type.String({ format: 'uuid' })),
  webhook_id: Type.Optional(Type.String({ format: 'uuid' })),
  event: Type.Optional(Type.Enum([...DELIVERY_EVENTS])),
  created_after: Type.Optional(Type.String({ description: 'ISO 8601 with a zone: this instant included.' })),
  created_before: Type.Optional(Type.String({ description: 'ISO 8601 with a zone: this instant excluded.' })),
  ...PageQuery.properties,
});
export type CallbackQuery = Static<typeof CallbackQuery>;

export const JobCallbacks = Type.Object({ items: Type.Array(CallbackWithAttempts) }, closed);

const tag = 'Callbacks';
const whole = { says: 'With every attempt.', schema: CallbackWithAttempts };

export const listJobCallbacks = operation({
  id: 'listTranscriptionCallbacks',
  tag,
  summary: 'The callbacks of a transcription',
  params: Id,
  answers: { 200: { says: 'With every attempt.', schema: JobCallbacks } },
  refusals: ['transcription_unknown'],
});

export const listCallbacks = operation({
  id: 'listCallbacks',
  tag,
  summary: 'List callbacks, newest first',
  query: CallbackQuery,
  answers: { 200: { says: 'A page, without attempts.', schema: pageOf(Callback) } },
  refusals: ['request_invalid'],
});

export const getCallback = operation({
  id: 'getCallback',
  tag,
  summary: 'Look up a callback',
  params: Id,
  answers: { 200: whole },
  refusals: ['callback_unknown'],
});

export const ResendRequest = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 8_192,
        description:
          'Where to, from now on; judged as `callback_config.url` is. Usually where it went before.',
      }),
    ),
  },
  { title: 'ResendRequest', ...closed },
);
export type ResendRequest = Static<typeof ResendRequest>;

export const resendCallback = operation(
  {
    id: 'resendCallback',
    tag,
    summary: 'Send a callback again, now, with a full schedule and the same webhook-id',
    description:
      'It is due at once; where its endpoint rests, is paused or disabled, `reason` and `next_attempt_at` of the answer say what it waits for. With `url` it goes there, and its endpoint is that of the new URL; attempts before keep where they went.',
    params: Id,
    body: { 'application/json': ResendRequest },
    answers: { 202: whole },
    refusals: [
      'request_invalid',
      'media_type_unsupported',
      'callback_unknown',
      'callback_in_flight',
      'callback_body_gone',
    ],
  },
  orNothing(ResendRequest),
);

export const TestCallbackRequest = Type.Object(
  {
    event: Type.Enum([...EVENTS], { description: 'What the sample tells.' }),
    url: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 8_192,
        description: 'Where to; judged as `callback_config.url` is. This or `inbox`.',
      }),
    ),
    inbox: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description: 'The id or the name of one of your inboxes.',
      }),
    ),
    method: Type.Optional(Type.Enum([...METHODS])),
    payload: Type.Optional(Type.Enum([...DELIVERY_FORMS])),
    compression: Type.Optional(Type.Enum(['none', 'gzip'])),
    ...CallbackExtras,
    custom_metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { title: 'TestCallbackRequest', ...closed },
);
export type TestCallbackRequest = Static<typeof TestCallbackRequest>;

export const testCallback = operation(
  {
    id: 'testCallback',
    tag,
    summary: 'Send a sample callback',
    description:
      'By the same engine as every other: signed, tried again on the schedule, on record with every attempt, and cancelled or sent again like them. `test` of the record is true, and the id in its body is of no transcription.',
    answers: { 202: whole },
    refusals: ['request_invalid', 'media_type_unsupported', 'inbox_unknown', 'inboxes_off'],
  },
  TestCallbackRequest,
);

export const cancelCallback = operation({
  id: 'cancelCallback',
  tag,
  summary: 'Cancel a callback that waits or is being sent',
  description:
    'One that waits is cancelled at once. Of one that is being sent nothing further is begun: it ends as delivered if the attempt under way succeeds, else as cancelled.',
  params: Id,
  answers: {
    200: { says: 'Cancelled.', schema: CallbackWithAttempts },
    202: { says: 'Being sent at this moment; nothing further is begun.', schema: CallbackWithAttempts },
  },
  refusals: ['request_invalid', 'callback_unknown', 'callback_ended'],
});

export const CancelRequest = Type.Object(
  { filter: CallbackFilter },
  { title: 'CancelCallbacksRequest', ...closed },
);
export type CancelRequest = Static<typeof CancelRequest>;

export const CancelledCallbacks = Type.Object(
  {
    cancelled: Type.Integer({ minimum: 0, description: 'Those that waited.' }),
    in_flight: Type.Integer({
      minimum: 0,
      description: 'Those being sent at this moment: nothing further is begun of them.',
    }),
    done: Type.Boolean({
      description: 'False: there may be more than could be cancelled within 20 s; ask again.',
    }),
  },
  { title: 'CancelledCallbacks', ...closed },
);
export type CancelledCallbacks = Static<typeof CancelledCallbacks>;

export const cancelCallbacks = operation(
  {
    id: 'cancelCallbacks',
    tag,
    summary: 'Cancel many callbacks that wait or are being sent, by filter',
    description: 'The filter is that of replays. What has ended is left as it ended.',
    answers: { 200: { says: 'How many.', schema: CancelledCallbacks } },
    refusals: ['request_invalid', 'media_type_unsupported'],
  },
  CancelRequest,
);

const told = { id: Type.String({ format: 'uuid', description: 'Of the transcription.' }) };
const metadata = {
  custom_metadata: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), {
      description: 'As given with the job; absent when it was not.',
    }),
  ),
};

/** The body a receiver gets, in any `format`. */
export const CallbackBody = Type.Union(
  [
    Type.Object(
      {
        ...told,
        event: Type.Enum(['success', 'transcription.success']),
        payload: Result,
        ...metadata,
      },
      { title: 'SuccessCallback', ...closed },
    ),
    Type.Object(
      {
        ...told,
        event: Type.Enum(['success', 'transcription.success']),
        result_url: Type.String({ format: 'uri', description: 'To be fetched with an API key.' }),
        payload_bytes: Type.Integer(),
        reason: Type.Optional(Type.Literal('payload_too_large')),
        ...metadata,
      },
      { title: 'ReferenceCallback', ...closed },
    ),
    Type.Object(
      {
        ...told,
        event: Type.Enum(['error', 'transcription.error']),
        error: Type.Object(
          {
            code: Type.Union([Type.Enum(Object.keys(JOB_ERRORS) as JobErrorCode[]), Type.Integer()], {
              description: 'A word; with `RINGBACK_CALLBACK_FORMAT=gladia` an integer.',
            }),
            message: Type.String(),
          },
          closed,
        ),
        ...metadata,
      },
      { title: 'ErrorCallback', ...closed },
    ),
    Type.Object(
      {
        event: Type.Enum([...EVENTS]),
        ...Job.properties,
        result_url: Type.Optional(
          Type.String({
            format: 'uri',
            description: 'In place of the result: to be fetched with an API key.',
          }),
        ),
        payload_bytes: Type.Optional(Type.Integer()),
        reason: Type.Optional(Type.Literal('payload_too_large')),
      },
      { title: 'RecordCallback', description: 'With `format: record`.', ...closed },
    ),
  ],
  { title: 'CallbackBody' },
);
export type CallbackBody = Static<typeof CallbackBody>;

const header = (name: string, description: string) => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string' },
});

/** The request to `callback_config.url`, as an OpenAPI operation. */
export const CALLBACK_REQUEST = {
  operationId: 'receiveCallback',
  summary: 'What your endpoint receives when the transcription has ended',
  description: 'Sent with POST, or with PUT where `callback_config.method` says so.',
  parameters: [
    header('webhook-id', 'Of the delivery: the same on every attempt and resend.'),
    header('webhook-timestamp', 'Unix seconds of this attempt.'),
    header(
      'webhook-signature',
      'Standard Webhooks: `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`.',
    ),
    header('ringback-attempt', 'Counts from 1.'),
  ],
  requestBody: { required: true, content: { 'application/json': { schema: CallbackBody } } },
  responses: {
    '2XX': { description: 'Delivered.' },
    410: { description: 'This delivery fails for good; three in a row disable the endpoint.' },
    413: { description: 'The same delivery goes on at once as a reference, without the payload.' },
    429: { description: 'With `Retry-After`: the whole endpoint waits that long. 503 as well.' },
    default: { description: 'Tried again on the schedule.' },
  },
};
