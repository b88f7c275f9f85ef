// Attempts that the database refuses to keep for what is in them. Without a way out one such answer would be tried for ever, and
// all that wait to be recorded behind it, of every endpoint. Pure.
import type { Recorded } from '../store/leases.ts';

/**
 * What to record instead of a refused batch: its halves; of one alone the same without what its far end said. None: there is
 * nothing left to leave out.
 */
export function smaller(batch: readonly Recorded[]): Recorded[][] {
  const [only] = batch;
  if (only === undefined) return [];
  if (batch.length > 1) {
    const middle = batch.length >> 1;
    return [batch.slice(0, middle), batch.slice(middle)];
  }
  const { attempt, next } = only;
  if (attempt.location === null && attempt.answerHead.length === 0 && attempt.errorMessage === null)
    return [];
  const bare = { location: null, answerHead: Buffer.alloc(0), answerBytes: null, answerTruncated: true };
  return [
    [
      {
        ...only,
        attempt: { ...attempt, ...bare, errorMessage: null },
        next: { ...next, reason: next.reason && 'the last attempt failed; its answer could not be kept' },
      },
    ],
  ];
}
