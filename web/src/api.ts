// The public API with one key: the typed client of `ringback/client`, and what only a page needs: one page of a list, and
// uploads that tell how far they are.
import { callbacksOf, replaysOf } from '../../src/client/callbacks.ts';
import { type Connection, connect, type Page } from '../../src/client/connection.ts';
import { endpointsOf, signingSecretsOf } from '../../src/client/endpoints.ts';
import { RingbackError, refusal } from '../../src/client/error.ts';
import { type EventOptions, eventsOf } from '../../src/client/events.ts';
import { inboxesOf } from '../../src/client/inboxes.ts';
import { auditOf, keysOf } from '../../src/client/keys.ts';
import { searchOf } from '../../src/client/search.ts';
import { statsOf } from '../../src/client/stats.ts';
import { transcriptionsOf } from '../../src/client/transcriptions.ts';
import { webhooksOf } from '../../src/client/webhooks.ts';
import type { Upload } from '../../src/http/schemas/audio.ts';
import type { Callback, CallbackQuery } from '../../src/http/schemas/callback.ts';
import type { Endpoint, EndpointQuery } from '../../src/http/schemas/endpoint.ts';
import type { Inbox, InboxRequest } from '../../src/http/schemas/inbox.ts';
import type { JobPage, JobQuery } from '../../src/http/schemas/job.ts';
import type { Replay } from '../../src/http/schemas/replay.ts';
import type { Webhook } from '../../src/http/schemas/webhook.ts';

export type Api = ReturnType<typeof openApi>;

/** Where this page came from, a path in front of it included. */
export const BASE = new URL('.', location.href.split('#', 1)[0]);

/** `onRefused` hears of every answer that the key is none, or no more. */
export function openApi(key: string, onRefused: (why: unknown) => void = () => {}) {
  const connection = refusing(connect({ url: BASE, key, numbers: 'kept' }), onRefused);
  return {
    transcriptions: {
      ...transcriptionsOf(connection),
      page: (query: JobQuery, signal: AbortSignal) =>
        connection.json<JobPage>('GET', '/v2/pre-recorded', { query, signal, has: 'items' }),
    },
    callbacks: {
      ...callbacksOf(connection),
      page: (query: CallbackQuery, signal: AbortSignal) =>
        connection.json<Page<Callback>>('GET', '/api/callbacks', { query, signal, has: 'items' }),
    },
    replays: {
      ...replaysOf(connection),
      page: (query: { limit?: number; after?: string }, signal: AbortSignal) =>
        connection.json<Page<Replay>>('GET', '/api/replays', { query, signal, has: 'items' }),
    },
    webhooks: {
      ...webhooksOf(connection),
      page: (query: { limit?: number; after?: string }, signal: AbortSignal) =>
        connection.json<Page<Webhook>>('GET', '/api/webhooks', { query, signal, has: 'items' }),
    },
    endpoints: {
      ...endpointsOf(connection),
      page: (query: EndpointQuery, signal: AbortSignal) =>
        connection.json<Page<Endpoint>>('GET', '/api/endpoints', { query, signal, has: 'items' }),
    },
    inboxes: {
      ...inboxesOf(connection),
      page: (query: { limit?: number }, signal: AbortSignal) =>
        connection.json<Page<Inbox>>('GET', '/api/inboxes', { query, signal, has: 'items' }),
      requestPage: (id: string, query: { limit?: number; after?: string }, signal?: AbortSignal) =>
        connection.json<Page<InboxRequest>>('GET', `/api/inboxes/${encodeURIComponent(id)}/requests`, {
          query,
          has: 'items',
          ...(signal && { signal }),
        }),
    },
    signingSecrets: signingSecretsOf(connection),
    keys: keysOf(connection),
    audit: auditOf(connection),
    stats: statsOf(connection),
    search: searchOf(connection),
    events: (options: EventOptions) => eventsOf(connection, options),
    upload: (file: File, progress: (fraction: number) => void) => upload(key, file, progress),
  };
}

function refusing(connection: Connection, onRefused: (why: unknown) => void): Connection {
  const heard = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof RingbackError && error.status === 401) onRefused(error);
      throw error;
    }
  };
  return {
    json: (...request) => heard(connection.json(...request)),
    stream: (...request) => heard(connection.stream(...request)),
  };
}

/** By XMLHttpRequest: fetch does not tell how much of a body is sent. */
function upload(key: string, file: File, progress: (fraction: number) => void): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.set('audio', file, file.name);
    const request = new XMLHttpRequest();
    request.open('POST', new URL('v2/upload', BASE));
    request.setRequestHeader('x-gladia-key', key);
    request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 0);
    request.onerror = () =>
      reject(new RingbackError('unreachable', 'The upload broke off: the server could not be reached.'));
    request.onload = () =>
      request.status === 200
        ? resolve(JSON.parse(request.responseText))
        : reject(refusal('The upload', request.status, request.responseText));
    request.send(form);
  });
}
