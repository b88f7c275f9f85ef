// One attempt of one delivery, from its claim to what is to be recorded of it: prepare → post → verdict → schedule.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Logger } from 'pino';
import { FAILURE_CLASSES, failureOf } from '../outbound/failure.ts';
import type { Outbound } from '../outbound/request.ts';
import { HIDDEN_BYTES } from '../outbound/round-trip.ts';
import { shortageOf } from '../shortage.ts';
import type { ShortageLog } from '../shortage-log.ts';
import type { Claimed, Recorded } from '../store/leases.ts';
import { NO_TRACING, type Span, type Tracing } from '../trace.ts';
import { attemptAttributes, attemptEnd, attemptLine } from './attempt-log.ts';
import type { HealthOutcome } from './breaker.ts';
import type { HostOutcome } from './host-breaker.ts';
import { type AttemptOutcome, notSent, post } from './post.ts';
import { prepare } from './prepare.ts';
import { nextAttempt } from './schedule.ts';
import type { SignerOf } from './signers.ts';
import { type Verdict, verdict } from './verdict.ts';

export type AttemptDeps = {
  outbound: Outbound;
  /** `whsec_…` of this account, or of its webhook; each signs. */
  secretsOf: SignerOf;
  /** A body that did not come along with its claim; null once the delivery is ours no more. */
  readBody: (claimed: Claimed) => Promise<Buffer | null>;
  /** Milliseconds before each attempt. */
  schedule: readonly number[];
  /** Milliseconds for the whole attempt. */
  deadlineMs: number;
  version: string;
  now: () => Date;
  random: () => number;
  shortages: Pick<ShortageLog, 'found'>;
  tracing: Tracing;
  log: Logger;
};

const gzipped = promisify(gzip);

/** What is to be recorded, and what it tells about the endpoint. */
export type Landed = {
  recorded: Recorded;
  health: HealthOutcome;
  /** And about its host. */
  host: HostOutcome;
  /** Milliseconds the receiver took; null: it tells nothing about the receiver. */
  tookMs: number | null;
  /** Retry-After: the endpoint waits so many milliseconds. */
  pauseMs: number | null;
};

/** Null: nothing was sent, as its owner called it off in time. */
export async function attempt(
  deps: AttemptDeps,
  claimed: Claimed,
  signal: AbortSignal,
  isWanted: () => boolean,
): Promise<Landed | null> {
  const result = await sent(deps, claimed, signal, isWanted);
  if (result === null) return null;
  const { startedAt, outcome, span } = result;
  // All but a success have no payload to leave out: their only form is what a receiver called too large.
  const form = claimed.event === 'success' ? claimed.form : 'reference';
  // One look at the wall clock per attempt: should it step in between, a Retry-After date is judged by the right time.
  const answeredAt = new Date(startedAt.getTime() + outcome.durationMs);
  const judged = verdict({ outcome, form, packed: claimed.gzip, now: answeredAt });
  if (outcome.shortage !== null) deps.shortages.found(outcome.shortage, 'a callback');
  const recorded: Recorded = {
    endpointId: claimed.endpointId,
    token: claimed.token,
    deliveryId: claimed.id,
    attempt: {
      number: claimed.attempt,
      trigger: claimed.trigger,
      form: claimed.form,
      startedAt,
      durationMs: outcome.durationMs,
      address: outcome.address,
      phases: outcome.phases,
      status: outcome.status,
      location: outcome.location,
      answerHead: Buffer.from(outcome.answerHead),
      answerBytes: outcome.answerBytes,
      answerTruncated: outcome.answerTruncated,
      outcome: judged.kind,
      errorClass: outcome.errorClass,
      errorMessage: outcome.errorMessage,
    },
    next: decide(deps, claimed, judged, outcome),
  };
  span.end(attemptEnd(outcome, recorded));
  deps.log.info(attemptLine({ claimed, recorded, outcome, trace: span.context }), 'callback attempted');
  return {
    recorded,
    health: healthOutcome(judged, outcome.status),
    host: hostOutcome(outcome),
    tookMs: judged.kind === 'interrupted' || outcome.shortage !== null ? null : outcome.durationMs,
    pauseMs: judged.kind === 'paused' ? judged.retryAfterMs : null,
  };
}

type Sent = { startedAt: Date; outcome: AttemptOutcome; span: Span };

/** What we are short of before there is a request to send (the account's secrets, memory to compress in) is an outcome too. */
async function sent(
  deps: AttemptDeps,
  claimed: Claimed,
  signal: AbortSignal,
  isWanted: () => boolean,
): Promise<Sent | null> {
  let secrets: readonly string[];
  let body: Buffer | null;
  let gzippedBody: Buffer | null;
  try {
    body = claimed.body ?? (await deps.readBody(claimed));
    if (body === null) return null;
    gzippedBody = claimed.gzip ? await gzipped(body) : null;
    // Last: reading and packing 20 MB takes its time, and a rotation meanwhile is in force.
    secrets = await deps.secretsOf(claimed.accountId, claimed.webhookId);
  } catch (error) {
    if (shortageOf(error) === null) throw error;
    return {
      startedAt: deps.now(),
      outcome: notSent(failureOf(error, null)),
      span: NO_TRACING.start('', { parent: claimed.trace }),
    };
  }
  if (!isWanted()) return null;
  const startedAt = deps.now();
  const span = deps.tracing.start('callback attempt', {
    parent: claimed.trace,
    kind: 'client',
    attributes: () => attemptAttributes(claimed),
  });
  const request = prepare({
    delivery: { ...claimed, body, ...(gzippedBody && { gzippedBody }) },
    attempt: claimed.attempt,
    secrets,
    now: startedAt,
    version: deps.version,
    trace: span.context,
  });
  const outcome = await post(request, { outbound: deps.outbound, deadlineMs: deps.deadlineMs, signal });
  return { startedAt, outcome, span };
}

/**
 * Statuses by which a receiver that works says something of this one message. All other 4xx (401, 403, 404, 405, 429 without
 * Retry-After) are what a whole endpoint answers: a wrong address, a bad deploy.
 */
const REFUSALS: ReadonlySet<number> = new Set([
  400, 402, 406, 409, 411, 412, 413, 414, 415, 416, 417, 422, 423, 424, 428, 431, 451,
]);

function healthOutcome(judged: Verdict, status: number | null): HealthOutcome {
  switch (judged.kind) {
    case 'delivered':
      return judged.disables ? 'disable' : 'success';
    case 'retry':
      if (judged.blame === 'ours') return 'neither';
      return status !== null && REFUSALS.has(status) ? 'refused' : 'failure';
    case 'gone':
    case 'disable':
      return judged.kind;
    case 'abort':
    case 'still_too_large':
    case 'paused':
      return 'refused';
    case 'too_large':
    case 'unpack':
    case 'interrupted':
      return 'neither';
    default:
      return judged satisfies never;
  }
}

/** Any status is an answer; without one, the host is to blame unless it was us, or nothing was sent. */
function hostOutcome({ status, errorClass }: AttemptOutcome): HostOutcome {
  if (status !== null) return 'answered';
  return FAILURE_CLASSES[errorClass ?? 'internal'].blame === 'theirs' ? 'silent' : 'neither';
}

type Next = Recorded['next'];

/**
 * A larger body whose sending ran out of time, or was cut, is sent as a reference the next time: as it is, it would go the same
 * way each time (12 MB at 250 kB/s take 48 s of a 15 s attempt), and who cuts it is seldom heard to say 413.
 */
const TOO_SLOW_TO_SEND_BYTES = 16_384;

/** What the verdict makes of the delivery. Pure but for the jitter. */
export function decide(
  deps: Pick<AttemptDeps, 'schedule' | 'random'>,
  claimed: Pick<Claimed, 'form' | 'step' | 'event' | 'bytes' | 'gzip'>,
  judged: Verdict,
  outcome: Pick<AttemptOutcome, 'status' | 'errorMessage' | 'errorClass' | 'failedIn'>,
): Next {
  const { form, gzip } = claimed;
  const next = { form, gzip, waitMs: null, reason: null, refund: false };
  const failed = (reason: string): Next => ({ ...next, state: 'failed', reason });
  switch (judged.kind) {
    case 'delivered':
      return { ...next, state: 'delivered' };
    case 'too_large':
      return { ...next, state: 'pending', form: 'reference', waitMs: 0, refund: true };
    case 'unpack':
      return { ...next, state: 'pending', gzip: false, waitMs: 0, refund: true };
    case 'still_too_large':
      return failed(tooLarge(claimed));
    case 'gone':
      return failed('the receiver answered 410: it wants this no more');
    case 'abort':
      return failed('the receiver refused this message with webhook-delivery: abort-message');
    case 'interrupted':
      return { ...next, state: 'pending', waitMs: judged.waitMs, refund: true };
    // Its endpoint is disabled by the same answer: it waits there, and enabling sends it.
    case 'disable':
      return { ...next, state: 'pending', waitMs: 0, refund: true };
    case 'retry':
    case 'paused': {
      const now = new Date(0);
      const retryAfterMs = judged.kind === 'paused' ? judged.retryAfterMs : null;
      const due = nextAttempt({ ...deps, attempt: claimed.step, now, retryAfterMs });
      const isUnsendable = wasCutInSending(claimed, outcome);
      if (due !== null)
        return {
          ...next,
          state: 'pending',
          form: isUnsendable ? 'reference' : form,
          waitMs: due.getTime(),
        };
      const last = outcome.errorMessage ?? `status ${outcome.status}`;
      return failed(`all ${deps.schedule.length} attempts of the schedule failed; the last: ${last}`);
    }
    default:
      return judged satisfies never;
  }
}

/** Of what was sent, and not of what was sent before it: a reference may have been asked for, and an error has one form. */
function tooLarge({ event, bytes }: Pick<Claimed, 'event' | 'bytes'>): string {
  const what =
    event === 'success' ? 'the reference form' : event === 'error' ? 'an error event' : `the event ${event}`;
  return `the receiver answered 413 to ${what} of ${bytes} bytes, and there is no smaller form: raise its body limit`;
}

function wasCutInSending(
  { form, event, bytes }: Pick<Claimed, 'form' | 'event' | 'bytes'>,
  { failedIn, errorClass }: Pick<AttemptOutcome, 'failedIn' | 'errorClass'>,
): boolean {
  if (form === 'reference' || event !== 'success' || bytes <= TOO_SLOW_TO_SEND_BYTES) return false;
  // Of a larger one nobody knows whether it was still on its way when it seemed sent.
  const wasOnItsWay = failedIn === 'send' || (failedIn === 'firstByte' && bytes > HIDDEN_BYTES);
  return wasOnItsWay && (errorClass === 'timeout' || errorClass === 'reset');
}
