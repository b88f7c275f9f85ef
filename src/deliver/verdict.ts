// What an attempt's outcome means for its delivery and its endpoint. Pure and total: every status, every failure class,
// every header value has one verdict.
//
// Statuses: Standard Webhooks' table, with the receiver's 413 answered by the reference form, and its 415 to gzip by the
// plain body. 2xx is decided on the status line. Every other 4xx is tried again by the schedule, which bounds it: a receiver's bad deploy answers 401 or
// 404 for an hour, and its callbacks must survive that.
import type { DeliveryForm } from '../delivery.ts';
import { FAILURE_CLASSES, type FailureClass } from '../outbound/failure.ts';
import { RETRY_AFTER_CAP_MS } from './schedule.ts';

/** The part of an attempt's record that decides. */
export type Judged = {
  status: number | null;
  errorClass: FailureClass | null;
  retryAfter: string | null;
  webhookDelivery: string | null;
};

export type Verdict =
  /** `disables`: delivered, and the receiver asked for no more. */
  | { readonly kind: 'delivered'; readonly disables: boolean }
  /** Next on the schedule. `blame` is who to hold it against: only `theirs` counts against the endpoint. */
  | {
      readonly kind: 'retry';
      readonly blame: 'ours' | 'theirs' | 'configuration';
      readonly reason: 'status' | 'redirect' | FailureClass;
    }
  /** Next on the schedule, and the whole endpoint waits at least this many milliseconds. */
  | { readonly kind: 'paused'; readonly retryAfterMs: number }
  /** 413: the same delivery goes on at once in reference form. */
  | { readonly kind: 'too_large' }
  /** 413 to the smallest form there is: failed for good. */
  | { readonly kind: 'still_too_large' }
  /** 415 to a packed body: the same delivery goes on at once as it is. */
  | { readonly kind: 'unpack' }
  /** 410: failed for good, and counts towards disabling the endpoint. */
  | { readonly kind: 'gone' }
  /** The receiver wants no more calls: the endpoint is disabled, this delivery waits there. */
  | { readonly kind: 'disable' }
  /** The receiver refuses this message: failed for good. */
  | { readonly kind: 'abort' }
  /** We stopped in the middle, or were short of something: not held against anybody, and costs no attempt. */
  | { readonly kind: 'interrupted'; readonly waitMs: number };

/** Until what we were short of may be there again. */
export const SHORTAGE_WAIT_MS = 5_000;

export type VerdictOptions = {
  outcome: Judged;
  /** What was sent. `reference` too when there is nothing to leave out, as in error events. */
  form: DeliveryForm;
  /** It was sent with gzip. */
  packed: boolean;
  now: Date;
};

export function verdict({ outcome, form, packed, now }: VerdictOptions): Verdict {
  const { status, errorClass, webhookDelivery } = outcome;
  if (status === null) {
    if (errorClass === 'aborted') return { kind: 'interrupted', waitMs: 0 };
    if (errorClass === 'shortage') return { kind: 'interrupted', waitMs: SHORTAGE_WAIT_MS };
    const reason = errorClass ?? 'internal';
    return { kind: 'retry', blame: FAILURE_CLASSES[reason].blame, reason };
  }
  const disables = webhookDelivery === 'disable';
  if (status >= 200 && status < 300) return { kind: 'delivered', disables };
  if (webhookDelivery === 'abort-message') return { kind: 'abort' };
  if (disables) return { kind: 'disable' };
  if (status === 410) return { kind: 'gone' };
  if (status === 413) return { kind: form === 'full' ? 'too_large' : 'still_too_large' };
  if (status === 415 && packed) return { kind: 'unpack' };
  if (status === 429 || status === 503) {
    const retryAfterMs = parseRetryAfter(outcome.retryAfter, now);
    if (retryAfterMs !== null) return { kind: 'paused', retryAfterMs };
  }
  const redirect = status >= 300 && status < 400;
  return { kind: 'retry', blame: 'theirs', reason: redirect ? 'redirect' : 'status' };
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/**
 * Milliseconds to wait by a Retry-After value, at most 24 h: seconds, or one of the three dates of RFC 9110 §5.6.7; the usual
 * one also as mail programs write it (`1 Jan`, `+0000`). A time in the past is 0. Null when there is none or it
 * makes no sense (Date.parse is not used: it takes "5 apples").
 */
export function parseRetryAfter(value: string | null, now: Date): number | null {
  const text = value?.trim() ?? '';
  if (/^\d+(\.\d*)?$/.test(text)) return Math.min(Math.ceil(Number(text) * 1_000), RETRY_AFTER_CAP_MS);
  const time = parseHttpDate(text, now);
  return time === null ? null : Math.min(Math.max(time - now.getTime(), 0), RETRY_AFTER_CAP_MS);
}

function parseHttpDate(text: string, now: Date): number | null {
  const fixed = /^[a-z]{3}, (\d{1,2}) ([a-z]{3}) (\d{4,9}) (\d{2}):(\d{2}):(\d{2}) (?:GMT|UTC|\+0000)$/i.exec(
    text,
  );
  const rfc850 = /^[a-z]{6,9}, (\d{2})-([a-z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/i.exec(text);
  const asctime = /^[a-z]{3} ([a-z]{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4,9})$/i.exec(text);
  const fields = fixed
    ? [fixed[3], fixed[2], fixed[1], fixed[4], fixed[5], fixed[6]]
    : rfc850
      ? [century(Number(rfc850[3]), now), rfc850[2], rfc850[1], rfc850[4], rfc850[5], rfc850[6]]
      : asctime
        ? [asctime[6], asctime[1], asctime[2], asctime[3], asctime[4], asctime[5]]
        : null;
  if (!fields) return null;
  const month = MONTHS.indexOf(String(fields[1]).toLowerCase());
  const [year = 0, , day = 0, hour = 0, minute = 0, second = 0] = fields.map(Number);
  if (month < 0 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return null;
  // Beyond what a Date can hold it is far enough away.
  return Date.UTC(Math.min(year, 100_000), month, day, hour, minute, second);
}

/** RFC 9110: a two-digit year more than 50 years ahead means the century before. */
function century(twoDigits: number, now: Date): number {
  const year = Math.floor(now.getUTCFullYear() / 100) * 100 + twoDigits;
  return year > now.getUTCFullYear() + 50 ? year - 100 : year;
}
