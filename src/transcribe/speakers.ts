// Who speaks, where the recording tells by itself: each side of a call has a channel of its own. Pure.
import type { Utterance } from '../speech/transcript.ts';

/** Numbered from 0 in the order of their channels; `asked`: speakers were asked for, and there is more than one channel. */
export function withSpeakers(utterances: readonly Utterance[], asked: boolean): Utterance[] {
  if (!asked) return [...utterances];
  const channels = [...new Set(utterances.map(({ channel }) => channel))].sort((a, b) => a - b);
  return utterances.map((utterance) => ({ ...utterance, speaker: channels.indexOf(utterance.channel) }));
}
