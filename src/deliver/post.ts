// One attempt: one exchange, turned into the record that is kept of it. Never throws for what the far end does, never
// sends twice, never decides what happens next (verdict.ts does).
import type { Failure, FailureClass, Phase } from '../outbound/failure.ts';
import type { ExchangeRequest, Head, Outbound } from '../outbound/request.ts';
import type { Shortage } from '../shortage.ts';
import type { PreparedRequest } from './prepare.ts';

/** Bytes of an answer that are read and kept. */
export const ANSWER_HEAD_BYTES = 16_384;
/**
 * The status decides. What follows it is read for the record only, for so long without a byte and at most twice that in all:
 * a receiver that leaves its answer open would hold its place for the whole deadline.
 */
const GRACE_MS = 1_000;
/** Characters of a header value that are kept. */
const HEADER_CHARACTERS = 2_048;

export type AttemptOutcome = {
  /** null: no status line arrived, and `errorClass` says why. */
  status: number | null;
  errorClass: FailureClass | null;
  /** In which phase it failed. */
  failedIn: Phase | null;
  /** What of ours, with class `shortage`. */
  shortage: Shortage | null;
  /** For the owner: holds no address and no internals. */
  errorMessage: string | null;
  /** For the operator's log, never for the owner. */
  errorDetail: string | null;
  /** The vetted peer. */
  address: string | null;
  /** Milliseconds per phase, as far as it got. */
  phases: Partial<Record<Phase, number>>;
  durationMs: number;
  answerHead: Uint8Array;
  /** The answer's true length: as read to its end, else as announced by content-length, else null. */
  answerBytes: number | null;
  /** The answer was longer than what is kept, or broke off. */
  answerTruncated: boolean;
  location: string | null;
  retryAfter: string | null;
  /** The receiver's `webhook-delivery` header, lower case. */
  webhookDelivery: string | null;
};

export type PostOptions = {
  outbound: Outbound;
  /** Milliseconds for the whole attempt. */
  deadlineMs: number;
  signal?: AbortSignal;
};

export async function post(request: PreparedRequest, options: PostOptions): Promise<AttemptOutcome> {
  const kept: Buffer[] = [];
  let keptBytes = 0;
  let cut = false;
  const exchangeRequest: ExchangeRequest = {
    ...request,
    deadlineMs: options.deadlineMs,
    graceMs: GRACE_MS,
    mayCallInbox: true,
    ...(options.signal ? { signal: options.signal } : {}),
    onData(chunk) {
      const room = ANSWER_HEAD_BYTES - keptBytes;
      // A copy: a chunk is a view into a buffer of 64 KiB that would be kept alive with it.
      if (room > 0) kept.push(Buffer.from(chunk.subarray(0, room)));
      keptBytes += Math.min(room, chunk.length);
      cut = chunk.length > room;
      return cut ? 'stop' : 'read';
    },
  };
  const exchange = await options.outbound.exchange(exchangeRequest);
  const { head, failure } = exchange;
  return {
    status: head?.status ?? null,
    errorClass: failure?.class ?? null,
    failedIn: failure?.phase ?? null,
    shortage: failure?.shortage ?? null,
    errorMessage: failure?.message ?? null,
    errorDetail: failure?.detail ?? exchange.bodyFailure?.detail ?? null,
    address: exchange.address,
    phases: exchange.phases,
    durationMs: exchange.durationMs,
    answerHead: Buffer.concat(kept),
    answerBytes: exchange.body === 'complete' ? exchange.bodyBytes : exchange.announced,
    answerTruncated: cut || exchange.body === 'broken',
    location: head ? firstHeader(head, 'location') : null,
    retryAfter: head ? firstHeader(head, 'retry-after') : null,
    webhookDelivery: head ? (firstHeader(head, 'webhook-delivery')?.toLowerCase().trim() ?? null) : null,
  };
}

/** The record of an attempt that came to no request. */
export function notSent(failure: Failure): AttemptOutcome {
  return {
    status: null,
    errorClass: failure.class,
    failedIn: failure.phase,
    shortage: failure.shortage ?? null,
    errorMessage: failure.message,
    errorDetail: failure.detail,
    address: null,
    phases: {},
    durationMs: 0,
    answerHead: new Uint8Array(),
    answerBytes: null,
    answerTruncated: false,
    location: null,
    retryAfter: null,
    webhookDelivery: null,
  };
}

function firstHeader(head: Head, name: string): string | null {
  const value = head.headers[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first === undefined ? null : first.slice(0, HEADER_CHARACTERS);
}
