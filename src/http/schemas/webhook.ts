// Webhooks: standing subscriptions, as they are asked for and shown.
import { type Static, Type } from 'typebox';
import { CALLBACK_FORMATS } from '../../delivery.ts';
import { WEBHOOK_EVENTS, WEBHOOK_LIMITS, WEBHOOK_PAYLOADS } from '../../webhook.ts';
import { CallbackWithAttempts } from './callback.ts';
import { CallbackExtras } from './callback-extras.ts';
import { closed, Id, nullable, operation, PageQuery, pageOf, Time } from './operation.ts';
import { Rotation } from './signing-secret.ts';

const Url = Type.String({
  minLength: 1,
  maxLength: 8_192,
  description:
    'Judged as `callback_config.url` is. A user name and password in it become `Authorization: Basic`.',
});
const Events = Type.Array(Type.Enum([...WEBHOOK_EVENTS]), {
  minItems: 1,
  maxItems: WEBHOOK_EVENTS.length,
  uniqueItems: true,
});
const Metadata = Type.Object(
  {},
  {
    additionalProperties: true,
    description:
      'Only jobs whose `custom_metadata` contains this, compared as the filter of lists compares it. It does not narrow `endpoint.disabled`.',
  },
);

const settable = {
  headers: CallbackExtras.headers,
  description: Type.Optional(Type.String({ maxLength: WEBHOOK_LIMITS.descriptionCharacters })),
  metadata: Type.Optional(Metadata),
  payload: Type.Optional(
    Type.Enum([...WEBHOOK_PAYLOADS], {
      description:
        'notice (where none is given): `{event, payload: {id}}`. full: the body of a callback, with the result. reference: the same, with a URL in place of the result. `endpoint.disabled` is a notice always.',
    }),
  ),
  format: Type.Optional(
    Type.Enum([...CALLBACK_FORMATS], {
      description:
        'Of `full` and `reference`, as with callbacks. Where none is given, what RINGBACK_CALLBACK_FORMAT says as the webhook is made.',
    }),
  ),
  enabled: Type.Optional(
    Type.Boolean({
      description:
        'false pauses it: what happens meanwhile makes no delivery, then or later. Where none is given: true.',
    }),
  ),
} as const;

export const NewWebhook = Type.Object(
  { url: Url, events: Events, ...settable },
  { title: 'NewWebhook', ...closed },
);
export type NewWebhook = Static<typeof NewWebhook>;
export const WebhookChange = Type.Object(
  { url: Type.Optional(Url), events: Type.Optional(Events), ...settable },
  { title: 'WebhookChange', ...closed },
);
export type WebhookChange = Static<typeof WebhookChange>;

const WebhookSecret = Type.Object(
  {
    secret: Type.String({ description: 'Its beginning and its end, to tell several apart.' }),
    created_at: Time,
    expires_at: Type.Union([Time, Type.Null()], { description: 'Until when it signs; null: for good.' }),
  },
  { title: 'WebhookSecret', ...closed },
);

const shown = {
  id: Type.String({ format: 'uuid' }),
  url: Type.String({ description: 'Its query is not shown: secrets ride there.' }),
  events: Type.Array(Type.Enum([...WEBHOOK_EVENTS])),
  headers: Type.Record(Type.String(), Type.String(), { description: 'Their names; no value is shown.' }),
  description: Type.String(),
  metadata: nullable(Type.Record(Type.String(), Type.Unknown())),
  payload: Type.Enum([...WEBHOOK_PAYLOADS]),
  format: Type.Enum([...CALLBACK_FORMATS]),
  enabled: Type.Boolean(),
  secrets: Type.Array(WebhookSecret, { description: 'All of them sign, and none is shown whole.' }),
  created_at: Time,
  updated_at: Time,
} as const;

export const Webhook = Type.Object(shown, { title: 'Webhook', ...closed });
export type Webhook = Static<typeof Webhook>;

export const WebhookWithSecret = Type.Object(
  { ...shown, secret: Type.String({ description: 'whsec_…: shown this once. It verifies what is sent.' }) },
  { title: 'WebhookWithSecret', ...closed },
);
export type WebhookWithSecret = Static<typeof WebhookWithSecret>;

export const WebhookTest = Type.Object(
  {
    event: Type.Optional(
      Type.Enum([...WEBHOOK_EVENTS], { description: 'Where none is given: the first of its events.' }),
    ),
  },
  { title: 'WebhookTest', ...closed },
);
export type WebhookTest = Static<typeof WebhookTest>;

const tag = 'Webhooks';
const one = { says: 'The webhook.', schema: Webhook };
const withSecret = { says: 'With its new secret, shown this once.', schema: WebhookWithSecret };
const body = ['request_invalid', 'media_type_unsupported'] as const;

export const createWebhook = operation(
  {
    id: 'createWebhook',
    tag,
    summary: 'Hear of every transcription of the account',
    description:
      'Each job of the account makes a delivery for each webhook whose events and metadata fit, beside its own callback and by the same engine.',
    answers: { 201: withSecret },
    refusals: [...body, 'webhooks_too_many'],
  },
  NewWebhook,
);

export const listWebhooks = operation({
  id: 'listWebhooks',
  tag,
  summary: 'List webhooks, newest first',
  query: PageQuery,
  answers: { 200: { says: 'A page.', schema: pageOf(Webhook) } },
  refusals: ['request_invalid'],
});

export const getWebhook = operation({
  id: 'getWebhook',
  tag,
  summary: 'Look up a webhook',
  params: Id,
  answers: { 200: one },
  refusals: ['webhook_unknown'],
});

export const updateWebhook = operation(
  {
    id: 'updateWebhook',
    tag,
    summary: 'Change a webhook, pause it or go on',
    description:
      'What is not named stays. `null`, and an empty object, take metadata and headers away. A `url` at another origin takes the headers along only when they are given again. Deliveries that were made before stay as they are.',
    params: Id,
    answers: { 200: one },
    refusals: [...body, 'webhook_unknown'],
  },
  WebhookChange,
);

export const deleteWebhook = operation({
  id: 'deleteWebhook',
  tag,
  summary: 'Delete a webhook, and cancel what waits for it',
  params: Id,
  answers: { 204: { says: 'Deleted.' } },
  refusals: ['webhook_unknown'],
});

export const testWebhook = operation(
  {
    id: 'testWebhook',
    tag,
    summary: 'Send a webhook a sample of one of its events',
    description: 'By the same engine as everything else, and also while it is paused.',
    params: Id,
    answers: { 202: { says: 'The delivery, on its way.', schema: CallbackWithAttempts } },
    refusals: [...body, 'webhook_unknown'],
  },
  WebhookTest,
);

export const rotateWebhookSecret = operation(
  {
    id: 'rotateWebhookSecret',
    tag,
    summary: 'A new secret for a webhook; the old ones sign along for a while',
    params: Id,
    answers: { 201: withSecret },
    refusals: [...body, 'webhook_unknown'],
  },
  Rotation,
);
