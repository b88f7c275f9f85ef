// A replay in sentences: what it would do, and how far it is. Pure.
import type { Replay, ReplayPreview } from '../../src/http/schemas/replay.ts';
import { span, whole } from './format.ts';

const counted = (count: number, what: string): string => `${whole(count)} ${what}${count === 1 ? '' : 's'}`;

/** `Sends 1,204 callbacks again, to 3 endpoints, in some 2 min.` */
export function previewSentence({ resendable, at_least: more, endpoints, seconds }: ReplayPreview): string {
  const least = more ? 'at least ' : '';
  if (resendable === 0) return more ? 'None among the newest 200,000 fits.' : 'None fits: nothing is sent.';
  return `Sends ${least}${counted(resendable, 'callback')} again, to ${counted(endpoints, 'endpoint')}, in ${least || 'some '}${span(Math.max(1, seconds))}.`;
}

export function skippedSentence({ in_flight, body_gone }: Replay['skipped']): string | null {
  if (in_flight + body_gone === 0) return null;
  return `Left out: ${whole(in_flight)} on their way, ${whole(body_gone)} whose body was removed.`;
}

/** From 0 to 1; null: nobody counted how many there are. */
export function shareDone({ state, matched, expected }: Replay): number | null {
  if (state === 'done') return 1;
  return expected === null ? null : expected === 0 ? 1 : Math.min(1, matched / expected);
}

export function filterWords(filter: Replay['filter']): string {
  const parts = Object.entries(filter).map(([name, value]) => `${name} ${[value].flat().join(', ')}`);
  return parts.length === 0 ? 'Every callback.' : `Where ${parts.join('; ')}.`;
}
