// The state of a job, delivery, endpoint, replay or attempt: its word, in the colour of how much it should worry.
import { words } from '../format.ts';

const MOODS: Readonly<Record<string, 'good' | 'bad' | 'busy' | 'waiting' | 'off'>> = {
  done: 'good',
  delivered: 'good',
  closed: 'good',
  healthy: 'good',
  error: 'bad',
  failing: 'bad',
  failed: 'bad',
  disabled: 'bad',
  gone: 'bad',
  still_too_large: 'bad',
  abort: 'bad',
  disable: 'bad',
  processing: 'busy',
  delivering: 'busy',
  running: 'busy',
  half_open: 'busy',
  too_large: 'busy',
  unpack: 'busy',
  queued: 'waiting',
  pending: 'waiting',
  open: 'waiting',
  resting: 'waiting',
  retry: 'waiting',
  paused: 'waiting',
  cancelled: 'off',
  revoked: 'off',
};

export function State({ of, title }: { of: string; title?: string }) {
  return (
    <span class={`state ${MOODS[of] ?? 'off'}`} title={title}>
      {words(of)}
    </span>
  );
}
