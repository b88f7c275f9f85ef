// `?wait=60`: how long a look at a job may wait for its end. Pure.
import { HttpError } from '../errors.ts';

/** Proxies give up on a silent answer after 60 s, most of them. */
const MOST_S = 60;

/** Seconds, 0 for none; throws `request_invalid`. */
export function readWait(query: Record<string, unknown>): number {
  const { wait } = query;
  if (wait === undefined || wait === '') return 0;
  const seconds = Number(wait);
  const problem = !Number.isInteger(seconds)
    ? 'wait must be an integer number of seconds'
    : seconds < 0
      ? 'wait must not be less than 0'
      : seconds > MOST_S
        ? `wait must not be greater than ${MOST_S}`
        : null;
  if (problem !== null) throw new HttpError('request_invalid', { sentences: [problem] });
  return seconds;
}
