// When a download that failed is asked for again, and how long after. Pure.
import type { Failure } from '../outbound/failure.ts';
import type { Head } from '../outbound/request.ts';
import { header } from './partial.ts';

/** Milliseconds before each further try; a try that brought the file on begins them anew. */
export const RETRY_WAITS_MS: readonly number[] = [1_000, 4_000, 15_000, 30_000];
/** However much each brings: a host that cuts every few bytes is given up. */
export const MOST_TRIES = 1_000;
/** A host that asks for more is not waited for: its owner hears how long, and may have it transcribed then. */
const LONGEST_WAIT_MS = 120_000;

/** Busy, restarting, or a proxy whose server is: it passes. 501 and 505 do not. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524]);

export const isPassingStatus = (status: number): boolean => PASSING.has(status);

/**
 * Why no status came. `known`: the host has answered before in this download. A name or a port that never answered is
 * more likely mistyped than away for a moment.
 */
export function isPassingFailure(failure: Failure, known: boolean): boolean {
  if (failure.class === 'reset') return true;
  return known && (['connect', 'dns', 'network', 'timeout', 'tls'] as string[]).includes(failure.class);
}

/** Why a body that had begun did not come to its end. */
export function isPassingBody(failure: Failure | null): boolean {
  if (failure === null) return false;
  if (['reset', 'timeout', 'tls'].includes(failure.class)) return true;
  return failure.code === 'BODY_SHORT' || failure.code === 'BODY_CHUNKS';
}

/** Milliseconds that a host asks to be left alone; null: it does not say. Seconds, or a date. */
export function retryAfterMs(head: Head, now: number): number | null {
  const text = header(head, 'retry-after')?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return text === '' || Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** Milliseconds to wait before the next try, or null: none. `failed` in a row, from 1; `left` of the job's time. */
export function nextWait(
  failed: number,
  asked: number | null,
  { waitsMs, leftMs }: { waitsMs: readonly number[]; leftMs: number },
): number | null {
  const own = waitsMs[failed - 1];
  if (own === undefined || (asked ?? 0) > LONGEST_WAIT_MS) return null;
  const wait = Math.max(own, asked ?? 0);
  return wait < leftMs ? wait : null;
}
