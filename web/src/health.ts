// How an endpoint is, in plain words: the breaker's own stay in the API. Pure.
import type { EndpointHealthWord } from '../../src/delivery.ts';
import type { Endpoint } from '../../src/http/schemas/endpoint.ts';
import { ago, percent, span, whole } from './format.ts';

export const HEALTH_WORDS: Readonly<Record<EndpointHealthWord, string>> = {
  healthy: 'healthy',
  failing: 'failing',
  resting: 'resting',
  paused: 'paused by receiver',
  disabled: 'disabled',
};

/** One sentence: what is so, and what happens next. */
export function healthSentence(endpoint: Endpoint, now: Date): string {
  const { health, failures_in_a_row: failures, state } = endpoint;
  switch (health) {
    case 'healthy':
      return 'Callbacks are sent here.';
    case 'failing':
      return `The last ${failures === 1 ? 'attempt' : `${whole(failures)} attempts`} failed${since(endpoint, now)}; each callback is tried again on its schedule.`;
    case 'resting':
      if (state === 'half_open') return 'One callback is being tried; the others follow when it arrives.';
      if (state === 'closed')
        return 'Its host does not answer at all, so nothing is sent to any endpoint there for now; what is due waits, and uses no attempt up.';
      return `${whole(failures)} attempts in a row failed${since(endpoint, now)}. It rests ${until(endpoint.open_until, now)}, then one callback is tried; what is due waits, and uses no attempt up.`;
    case 'paused':
      return `The receiver asked for patience (Retry-After) ${until(endpoint.paused_until, now)}; what is due waits.`;
    case 'disabled':
      return `Nothing is sent here until it is enabled${endpoint.disabled_reason === null ? '' : `: ${endpoint.disabled_reason}`}. What is due waits, and is not lost.`;
  }
}

/** The same for one line of a list. */
export function healthBrief(endpoint: Endpoint, now: Date): string {
  const { health, failures_in_a_row: failures, next_attempt_at: next, disabled_reason: reason } = endpoint;
  const tried =
    next === null ? '' : `; next try ${ago(new Date(Math.max(Date.parse(next), now.getTime())), now)}`;
  if (health === 'disabled') return reason ?? 'disabled';
  if (health === 'paused') return `asked for patience${tried}`;
  return `${whole(failures)} failed in a row${since(endpoint, now)}${tried}`;
}

function since({ failing_since }: Endpoint, now: Date): string {
  if (failing_since === null) return '';
  return `, for ${span(Math.max(0, now.getTime() - Date.parse(failing_since)) / 1_000)} now`;
}

/** Of an end that has passed, the next look is due any moment. */
function until(time: string | null, now: Date): string {
  const seconds = time === null ? 0 : (Date.parse(time) - now.getTime()) / 1_000;
  return seconds <= 0 ? 'a moment longer' : `for ${span(seconds)} more`;
}

/** Never 100 % of what fails at this moment. */
export function successOf({ success_rate_24h: rate, failures_in_a_row: failures }: Endpoint): string {
  if (rate === null) return '–';
  return rate === 1 && failures > 0 ? percent(0.999) : percent(rate);
}
