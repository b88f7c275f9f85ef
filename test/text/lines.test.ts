import { expect, it } from 'vitest';
import { renderText } from '../../src/text/lines.ts';
import { utterance } from './spoken.ts';

it('says who spoke only when there is more than one channel', () => {
  const utterances = [utterance(0, 'Hi there.', { channel: 1 }), utterance(1, 'Good morning.')];
  const transcript = { audioDuration: 9, channels: 2, distinctChannels: 2, utterances };
  expect(renderText(transcript)).toBe('[channel 1] Hi there.\n[channel 0] Good morning.\n');
  expect(renderText({ ...transcript, distinctChannels: 1 })).toBe('Hi there.\nGood morning.\n');
  expect(renderText({ ...transcript, utterances: [] })).toBe('');
});
