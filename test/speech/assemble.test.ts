import { expect, it } from 'vitest';
import { assemble, fullTranscript, languagesOf } from '../../src/speech/assemble.ts';
import { utterance } from '../text/spoken.ts';

it('puts channels in order of start, then channel', () => {
  const order = utterance(61.31, 'Good morning, order desk.');
  const reply = utterance(60.5, 'Hi there & hello.', { channel: 1 });
  const transcript = assemble({ audioDuration: 70, channels: 2, distinct: [[order], [reply]] });
  expect(transcript).toEqual({
    audioDuration: 70,
    channels: 2,
    distinctChannels: 2,
    utterances: [reply, order],
  });
  expect(fullTranscript(transcript.utterances)).toBe('Hi there & hello. Good morning, order desk.');
  const together = assemble({
    audioDuration: 9,
    channels: 2,
    distinct: [[], [utterance(1, 'b', { channel: 1 })], [utterance(1, 'a')]],
  });
  expect(together.utterances.map(({ channel }) => channel)).toEqual([0, 1]);
});

it('names languages most first', () => {
  expect(languagesOf([utterance(0, 'a', { language: 'fr' }), utterance(1, 'b c')])).toEqual(['en', 'fr']);
  expect(languagesOf([])).toEqual([]);
  expect(fullTranscript([])).toBe('');
});
