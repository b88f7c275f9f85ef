// A transcript for reading. Pure.
import type { Transcript } from '../speech/transcript.ts';

/** One line per utterance; with more than one channel each line says which it is. */
export function renderText({ utterances, distinctChannels }: Transcript): string {
  return utterances
    .map(({ channel, text }) => (distinctChannels > 1 ? `[channel ${channel}] ${text}\n` : `${text}\n`))
    .join('');
}
