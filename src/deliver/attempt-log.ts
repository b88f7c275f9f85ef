// What the operator is told of one attempt: the fields of its log line, and of its span. Pure. Queries, headers and what a
// receiver repeats of them are masked here.
import { secretsIn } from '../callback-headers.ts';
import { maskedUrl, maskOf } from '../mask.ts';
import type { Claimed, Recorded } from '../store/leases.ts';
import { type Attributes, type SpanEnd, type TraceContext, traceIdOf } from '../trace.ts';
import type { AttemptOutcome } from './post.ts';

type Told = { claimed: Claimed; recorded: Recorded; outcome: AttemptOutcome; trace: TraceContext | null };

/** One line an attempt: what is undefined is left out. */
export function attemptLine({ claimed, recorded, outcome, trace }: Told): Record<string, unknown> {
  const { attempt, next } = recorded;
  return {
    delivery: claimed.id,
    attempt: attempt.number,
    outcome: attempt.outcome,
    status: attempt.status,
    error: attempt.errorClass,
    took_ms: Math.round(attempt.durationMs),
    next: next.state,
    wait_ms: next.waitMs,
    ...(next.reason !== null && { reason: next.reason }),
    ...(outcome.errorDetail !== null && { detail: maskedDetail(claimed, outcome.errorDetail) }),
    job: claimed.jobId,
    endpoint: claimed.endpointId,
    account: claimed.accountId,
    trace: traceIdOf(trace),
    url: maskedUrl(claimed.url),
    event: claimed.event,
    form: claimed.form,
    trigger: claimed.trigger,
    bytes: claimed.bytes,
    answer_bytes: attempt.answerBytes,
    phases_ms: roundedPhases(outcome.phases),
  };
}

/** By OpenTelemetry's names where it has one. */
export function attemptAttributes(claimed: Claimed): Attributes {
  return {
    'http.request.method': claimed.method,
    'url.full': maskedUrl(claimed.url),
    'server.address': URL.canParse(claimed.url) ? new URL(claimed.url).hostname : undefined,
    'http.request.body.size': claimed.bytes,
    'ringback.delivery.id': claimed.id,
    'ringback.delivery.attempt': claimed.attempt,
    'ringback.job.id': claimed.jobId,
    'ringback.endpoint.id': claimed.endpointId,
    'ringback.account.id': claimed.accountId,
    'ringback.event': claimed.event,
  };
}

/** As OpenTelemetry has it for clients: every status from 400 on is an error. */
export function attemptEnd({ status, errorClass }: AttemptOutcome, recorded: Recorded): SpanEnd {
  const failed = errorClass ?? (status !== null && status >= 400 ? String(status) : undefined);
  return {
    attributes: () => ({
      'http.response.status_code': status ?? undefined,
      'ringback.delivery.outcome': recorded.attempt.outcome,
      'ringback.delivery.next': recorded.next.state,
    }),
    error: failed,
  };
}

function maskedDetail({ url, headers }: Claimed, detail: string): string {
  return maskOf(url, secretsIn(headers)).text(detail);
}

function roundedPhases(phases: AttemptOutcome['phases']): Record<string, number> {
  return Object.fromEntries(Object.entries(phases).map(([phase, ms]) => [phase, Math.round(ms)]));
}
