// Transcriptions: made, waited for, looked up, listed, cancelled, deleted.
import type { JobRequest } from '../http/job-request.ts';
import type { CallbackWithAttempts } from '../http/schemas/callback.ts';
import type { CreatedJob, Job, JobPage, JobQuery } from '../http/schemas/job.ts';
import { type CallOptions, type Connection, sleep, TRANSFER_MS } from './connection.ts';
import { RingbackError } from './error.ts';

const BASE = '/v2/pre-recorded';
/** Below the patience of proxies. */
const WAIT_S = 20;
const LOOK_MS = 30_000;

export type WaitOptions = {
  /** Between two answers; 1 s. The server answers as soon as it ends, or after 20 s. */
  intervalMs?: number;
  /** In all; without it there is no end. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Sees the record at every look. */
  onLook?: (job: Job) => void;
};

export function transcriptionsOf(connection: Connection) {
  const at = (id: string) => `${BASE}/${encodeURIComponent(id)}`;
  const get = (id: string, call: CallOptions = {}) => connection.json<Job>('GET', at(id), call);
  return {
    /** Resolves once the job is stored. With a key it may be sent again without being made twice. */
    create: (
      request: JobRequest,
      call: CallOptions & { idempotencyKey?: string } = {},
    ): Promise<CreatedJob> => connection.json('POST', BASE, { ...call, json: request }),
    get,
    /** The record once it is `done` or `error`: both are ends. */
    async wait(
      id: string,
      { intervalMs = 1_000, timeoutMs, signal, onLook }: WaitOptions = {},
    ): Promise<Job> {
      const started = performance.now();
      for (let seconds = 0; ; ) {
        const job = await connection.json<Job>('GET', at(id), {
          query: { wait: seconds },
          timeoutMs: LOOK_MS + seconds * 1_000,
          ...(signal && { signal }),
        });
        onLook?.(job);
        if (job.status === 'done' || job.status === 'error') return job;
        const leftMs = (timeoutMs ?? Number.POSITIVE_INFINITY) - (performance.now() - started);
        if (leftMs < 0)
          throw new RingbackError(
            'timeout',
            `transcription ${id} is still ${job.status} after ${timeoutMs} ms: it goes on, wait for it again`,
          );
        await sleep(intervalMs, signal);
        seconds = Math.max(0, Math.min(WAIT_S, Math.floor((leftMs - intervalMs) / 1_000)));
      }
    },
    /** Newest first; `limit` is the size of a page. Those made while it is read may show up twice. */
    async *list(query: JobQuery = {}, call: CallOptions = {}): AsyncGenerator<Job, void, void> {
      let next: Readonly<Record<string, unknown>> | null = query;
      while (next !== null) {
        const page: JobPage = await connection.json('GET', BASE, { ...call, query: next, has: 'items' });
        yield* page.items;
        // The link names the public URL, which need not be the one we reach it by.
        next =
          page.next === null ? null : { ...query, offset: new URL(page.next).searchParams.get('offset') };
      }
    },
    /** Ends it where it waits or runs, with an error callback; the record as it is then. One that has ended stays as it is. */
    cancel: (id: string, call: CallOptions = {}): Promise<Job> =>
      connection.json('POST', `/api/transcriptions/${encodeURIComponent(id)}/cancel`, call),
    /** With its result, its audio and the bodies of its callbacks; 403 while it is processing. */
    delete: (id: string, call: CallOptions = {}): Promise<void> =>
      connection.json('DELETE', at(id), { ...call, has: null }),
    /** The bytes of its audio. */
    file: (id: string, call: CallOptions = {}) =>
      connection.stream(`${at(id)}/file`, { timeoutMs: TRANSFER_MS, ...call }),
    /** Its callbacks with every attempt. */
    callbacks: async (id: string, call: CallOptions = {}): Promise<CallbackWithAttempts[]> =>
      (
        await connection.json<{ items: CallbackWithAttempts[] }>('GET', `${at(id)}/callbacks`, {
          ...call,
          has: 'items',
        })
      ).items,
  };
}
