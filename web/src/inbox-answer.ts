// What an inbox answers, as a person writes it: `500, 500, 200`, `hang`, `cut`, with the same headers and body for all. What
// is not alike for all is written as JSON. Pure.
import { INBOX_ACTIONS, INBOX_LIMITS, type InboxAction, type ToldAnswer } from '../../src/inbox.ts';

export type PlainAnswers = {
  /** One after the other; the last stays. */
  sequence: string;
  body: string;
  delayMs: string;
  /** Seconds or a date; empty: none. */
  retryAfter: string;
};

const USUAL_STATUS = 200;

/** Null: they differ in more than their status, or have headers of their own. */
export function plainOf(answers: readonly ToldAnswer[]): PlainAnswers | null {
  const [first = {}] = answers;
  const { body = '', delay_ms: delay = 0, headers = {} } = first;
  const isAlike = answers.every(
    (one) =>
      (one.body ?? '') === body &&
      (one.delay_ms ?? 0) === delay &&
      JSON.stringify(one.headers ?? {}) === JSON.stringify(headers),
  );
  const { 'retry-after': retryAfter = '', ...others } = headers;
  if (!isAlike || Object.keys(others).length > 0) return null;
  return { sequence: sequenceOf(answers), body, delayMs: delay === 0 ? '' : String(delay), retryAfter };
}

/** `500, 500, 200`; of a long one its beginning. */
export function sequenceOf(answers: readonly ToldAnswer[]): string {
  return answers
    .map(({ status = USUAL_STATUS, action = 'answer' }) => (action === 'answer' ? String(status) : action))
    .join(', ');
}

/** Throws a sentence that names the field. */
export function answersFrom({ sequence, body, delayMs, retryAfter }: PlainAnswers): ToldAnswer[] {
  const steps = sequence.split(/[\s,]+/).filter(Boolean);
  const delay = delayMs.trim() === '' ? 0 : Number(delayMs);
  if (!Number.isInteger(delay) || delay < 0 || delay > INBOX_LIMITS.delayMs)
    throw new Error(`"Wait before it" must be milliseconds, from 0 to ${INBOX_LIMITS.delayMs}`);
  return (steps.length === 0 ? [String(USUAL_STATUS)] : steps).map((step) => ({
    ...stepOf(step),
    ...(body !== '' && { body }),
    ...(delay > 0 && { delay_ms: delay }),
    ...(retryAfter.trim() !== '' && { headers: { 'retry-after': retryAfter.trim() } }),
  }));
}

function stepOf(step: string): ToldAnswer {
  const action = INBOX_ACTIONS.find((one) => one === step.toLowerCase() && one !== 'answer');
  if (action) return { action: action satisfies InboxAction };
  const status = Number(step);
  if (!/^\d{3}$/.test(step) || status < 200 || status > 599)
    throw new Error(
      `"Answers" must be statuses from 200 to 599, hang or cut, one after the other: ${JSON.stringify(step.slice(0, 20))} is none of these`,
    );
  return { status };
}
