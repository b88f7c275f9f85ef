// `ringback/client`: every route of the API as a typed call. Its types are those of the schemas that the server checks
// and describes itself with; of the server's parts it loads none.
import type { Health } from '../http/schemas/server.ts';
import { audioOf } from './audio.ts';
import { callbacksOf, replaysOf } from './callbacks.ts';
import { type CallOptions, type ConnectionOptions, connect } from './connection.ts';
import { endpointsOf, hostsOf, signingSecretsOf } from './endpoints.ts';
import { type EventOptions, eventsOf } from './events.ts';
import { inboxesOf } from './inboxes.ts';
import { auditOf, keysOf } from './keys.ts';
import { searchOf } from './search.ts';
import { statsOf } from './stats.ts';
import { transcriptionsOf } from './transcriptions.ts';
import { webhooksOf } from './webhooks.ts';

export { parseExact } from '../exact-json.ts';
export type { JobRequest } from '../http/job-request.ts';
export type { Upload } from '../http/schemas/audio.ts';
export type { AuditEntry } from '../http/schemas/audit.ts';
export type {
  Attempt,
  Callback,
  CallbackBody,
  CallbackQuery,
  CallbackWithAttempts,
  CancelledCallbacks,
  CancelRequest,
  ResendRequest,
  TestCallbackRequest,
} from '../http/schemas/callback.ts';
export type { Endpoint, EndpointQuery, RemovedEndpoint } from '../http/schemas/endpoint.ts';
export type {
  ForwardedAnswer,
  Inbox,
  InboxChange,
  InboxRequest,
  InboxRequestFields as NewInbox,
} from '../http/schemas/inbox.ts';
export type { Addon, CreatedJob, Job, JobQuery, Result, Utterance, Word } from '../http/schemas/job.ts';
export type { CreatedKey, Key, KeyRequest } from '../http/schemas/key.ts';
export type { Replay, ReplayPreview, ReplayRequest } from '../http/schemas/replay.ts';
export type { SentRequest } from '../http/schemas/sent-request.ts';
export type { Rotation, SigningSecret } from '../http/schemas/signing-secret.ts';
export type { Stats, StatsQuery } from '../http/schemas/stats.ts';
export type {
  NewWebhook,
  Webhook,
  WebhookChange,
  WebhookTest,
  WebhookWithSecret,
} from '../http/schemas/webhook.ts';
export type { AudioSource, UploadOptions } from './audio.ts';
export type { CallOptions, ConnectionOptions as ClientOptions } from './connection.ts';
export { type Reason, RingbackError } from './error.ts';
export type { Event, EventOptions } from './events.ts';
export type { InboxEvent, InboxStreamOptions } from './inboxes.ts';
export type { WaitOptions } from './transcriptions.ts';
export { verifyCallback } from './verify.ts';

export type Client = ReturnType<typeof createClient>;

/** Nothing is sent before the first call. A noun of the API is a file beside this one, and a line here. */
export function createClient(options: ConnectionOptions) {
  const connection = connect(options);
  return {
    audio: audioOf(connection),
    transcriptions: transcriptionsOf(connection),
    callbacks: callbacksOf(connection),
    webhooks: webhooksOf(connection),
    replays: replaysOf(connection),
    endpoints: endpointsOf(connection),
    hosts: hostsOf(connection),
    signingSecrets: signingSecretsOf(connection),
    inboxes: inboxesOf(connection),
    stats: statsOf(connection),
    search: searchOf(connection),
    keys: keysOf(connection),
    audit: auditOf(connection),
    /** Changes as they happen: `for await (const { event, data } of client.events())`. */
    events: (options?: EventOptions) => eventsOf(connection, options),
    server: {
      /** The process is alive. */
      live: (call: CallOptions = {}) =>
        connection.json<Health>('GET', '/healthz', { ...call, has: 'status' }),
      /** Throws `not_ready` while its database is away or it is stopping. */
      ready: (call: CallOptions = {}) =>
        connection.json<Health>('GET', '/readyz', { ...call, has: 'status' }),
    },
  };
}
