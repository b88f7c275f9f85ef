// What a callback's last attempt meant and what happens next, in words. Pure.
import type { Attempt, Callback } from '../../src/http/schemas/callback.ts';

/** What a receiver's status says, and who can do something about it. */
const STATUSES: Readonly<Record<number, string>> = {
  400: 'The receiver found the request wrong (400).',
  401: 'The receiver refused it as not signed in (401): check the secret or the credentials it expects.',
  403: 'The receiver forbids it (403): check its firewall, its list of addresses, or the secret it expects.',
  404: 'The receiver knows no such address (404): check the path of the URL.',
  405: 'The receiver takes no such method there (405): check POST or PUT.',
  408: 'The receiver ran out of time (408).',
  410: 'The receiver says that nothing is there any more (410), so it is not tried again.',
  413: 'The receiver found the body too large (413).',
  415: 'The receiver does not take this kind of body (415).',
  429: 'The receiver is asked too much (429) and wants to be left alone for a while.',
  500: 'The receiver failed inside (500): its own log says why.',
  502: 'What stands in front of the receiver got no proper answer from it (502).',
  503: 'The receiver is not available at the moment (503).',
  504: 'What stands in front of the receiver waited too long for it (504).',
};

export function statusSentence(status: number, location: string | null = null): string {
  if (status >= 200 && status < 300) return `The receiver took it (${status}).`;
  if (status >= 300 && status < 400)
    return `The receiver redirects (${status})${location === null ? '' : ` to ${location}`}: redirects are not followed, so send it there, or name that URL.`;
  return (
    STATUSES[status] ??
    (status >= 500
      ? `The receiver failed (${status}): its own log says why.`
      : `The receiver refused it (${status}).`)
  );
}

/** Of its last attempt; null before the first. */
export function lastSentence(attempts: readonly Attempt[]): string | null {
  const last = attempts.at(-1);
  if (last === undefined) return null;
  if (last.status !== null) return statusSentence(last.status, last.location);
  if (last.error)
    return last.error.message ?? `It could not be sent: ${last.error.class.replaceAll('_', ' ')}.`;
  return last.duration_ms === null ? 'An attempt is under way.' : null;
}

export type NextStep = {
  mood: 'good' | 'bad' | 'waiting' | 'busy';
  sentence: string;
  /** When, where it is known. */
  at: string | null;
};

export function nextStep({
  state,
  reason,
  next_attempt_at: at,
  attempt_count: attempts,
}: Callback): NextStep {
  switch (state) {
    case 'delivered':
      return { mood: 'good', sentence: 'They have it. Nothing more is sent.', at: null };
    case 'failed':
      return { mood: 'bad', sentence: `Given up: ${reason ?? 'its schedule is used up'}.`, at: null };
    case 'cancelled':
      return { mood: 'bad', sentence: `Cancelled: ${reason ?? 'by its owner'}.`, at: null };
    case 'delivering':
      return {
        mood: 'busy',
        sentence: reason === null ? 'It is being sent at this moment.' : `It is being sent: ${reason}.`,
        at: null,
      };
    case 'pending':
      return {
        mood: 'waiting',
        sentence: reason === null ? `Attempt ${attempts + 1} is due` : `It waits: ${reason}.`,
        at,
      };
  }
}
