// The state of a job, delivery, endpoint, replay or attempt: its word, in the colour of how much it should worry.
import { words } from '../format.ts';

export type Mood = 'good' | 'bad' | 'busy' | 'waiting' | 'off';

const MOODS: Readonly<Record<string, Mood>> = {
  done: 'good',
  delivered: 'good',
  healthy: 'good',
  success: 'good',
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
  too_large: 'busy',
  unpack: 'busy',
  queued: 'waiting',
  pending: 'waiting',
  resting: 'waiting',
  retry: 'waiting',
  paused: 'waiting',
  cancelled: 'off',
  revoked: 'off',
};

type StateProps = {
  of: string;
  /** In place of the state's own word. */
  label?: string;
  /** In place of the one that goes with the word. */
  mood?: Mood;
  title?: string;
};

export function State({ of, label, mood, title }: StateProps) {
  return (
    <span class={`state ${mood ?? MOODS[of] ?? 'off'}`} title={title}>
      {label ?? words(of)}
    </span>
  );
}
