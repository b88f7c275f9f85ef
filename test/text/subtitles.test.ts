// What we write is read by parsers that are not ours.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Utterance } from '../../src/speech/transcript.ts';
import { captionsOf } from '../../src/text/captions.ts';
import { renderSrt, renderVtt, type SubtitlesConfig, subtitlesOf } from '../../src/text/subtitles.ts';
import { type Cue, readCues, validateVtt } from './foreign-parsers.ts';
import { manyChannels, utterance } from './spoken.ts';

const plain = (text: string) =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&').split(/\s+/);
const inMilliseconds = (cues: readonly Cue[]) =>
  cues.map(({ startTime, endTime }) => [Math.round(startTime * 1_000), Math.round(endTime * 1_000)]);

/** The cues of each format as the parsers see them. */
async function parsed(utterances: readonly Utterance[], config: SubtitlesConfig = {}) {
  const [srt, vtt] = (await subtitlesOf(utterances, { ...config, formats: ['srt', 'vtt'] })).map(
    (one) => one.subtitles,
  );
  if (srt === undefined || vtt === undefined) throw new Error('a format is missing');
  const validated = validateVtt(vtt);
  expect(validated.errors).toEqual([]);
  return {
    srt: srt === '' ? [] : await readCues(srt, 'srt'),
    vtt: await readCues(vtt, 'vtt'),
    validated: validated.cues,
  };
}

const configs: fc.Arbitrary<SubtitlesConfig> = fc.record(
  {
    minimum_duration: fc.constantFrom(0, 0.7, 3),
    maximum_duration: fc.constantFrom(3, 7, 30),
    maximum_characters_per_row: fc.integer({ min: 1, max: 60 }),
    maximum_rows_per_caption: fc.integer({ min: 1, max: 5 }),
    style: fc.constantFrom('default', 'compliance'),
  },
  { requiredKeys: [] },
);

describe('the parsers', () => {
  it.each([
    ['srt' as const, '1\n00:00:03,000 --> 00:00:02,000\nbackwards\n'],
    ['srt' as const, '1\n00:00:03,000 --> 00:00:0x,000\nno time\n'],
    ['vtt' as const, 'WEBVTT\n\n00:00:03.000 --> 00:00:02.000\nbackwards\n'],
  ])('leave out a wrong cue of %s, or say so', async (type, text) => {
    expect(await readCues(text, type)).toEqual([]);
    if (type === 'vtt') expect(validateVtt(text).errors).not.toEqual([]);
  });
});

describe('files', () => {
  it('are valid, with every word once, whatever is said', async () => {
    await fc.assert(
      fc.asyncProperty(manyChannels, configs, async (utterances, config) => {
        const { srt, vtt, validated } = await parsed(utterances, config);
        const said = utterances.flatMap(({ words }) => words.map(({ word }) => word.trim())).sort();
        for (const cues of [vtt, validated])
          expect(cues.flatMap(({ text }) => plain(text)).sort()).toEqual(said);
        // SubRip has no escapes: what looks like a tag is taken for one.
        expect(srt).toHaveLength(vtt.length);
        const times = inMilliseconds(vtt);
        expect(inMilliseconds(srt)).toEqual(times);
        for (const [i, [start = 0, end = 0]] of times.entries()) {
          expect(end).toBeGreaterThan(start);
          expect(start).toBeGreaterThanOrEqual(times[i - 1]?.[1] ?? 0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('of four hours of two channels are valid', async () => {
    const sentence =
      'Good morning, order desk, what can I do for you? I would like to change my order & the <date>.';
    const utterances = Array.from({ length: 1_440 }, (_, i) =>
      utterance(i * 10, sentence, { channel: i % 2, pace: 0.55 }),
    );
    const { srt, validated } = await parsed(utterances);
    expect(srt).toHaveLength(2_880);
    expect(validated.at(-1)?.endTime).toBeGreaterThan(14_390);
    expect(validated.flatMap(({ text }) => plain(text)).sort()).toEqual(
      utterances.flatMap(() => sentence.split(' ')).sort(),
    );
  });

  it('have numbers, the comma of SubRip, the point of WebVTT, and hours', async () => {
    const captions = await captionsOf([utterance(3_661.31, 'Good morning.', { pace: 0.4 })]);
    expect(renderSrt(captions)).toBe('1\n01:01:01,310 --> 01:01:02,030\nGood morning.\n');
    expect(renderVtt(captions)).toBe('WEBVTT\n\n1\n01:01:01.310 --> 01:01:02.030\nGood morning.\n');
    const two = [utterance(0, 'Yes.'), utterance(9, '<b>No</b> & why --> there')];
    expect(renderSrt(await captionsOf(two))).toContain('Yes.\n\n2\n00:00:09,000 --> ');
    expect(renderSrt(await captionsOf(two))).toContain('<b>No</b> & why → there\n');
    expect(renderVtt(await captionsOf(two))).toContain('&lt;b&gt;No&lt;/b&gt; &amp; why --&gt; there\n');
  });

  it('of silence are empty', async () => {
    expect(await subtitlesOf([], { formats: ['srt', 'vtt'] })).toEqual([
      { format: 'srt', subtitles: '' },
      { format: 'vtt', subtitles: 'WEBVTT\n' },
    ]);
  });
});

describe('the config', () => {
  const said = utterance(0, 'One two three four five six. Seven eight nine ten.', { pace: 0.5 });
  const one = async (config: SubtitlesConfig) => (await subtitlesOf([said], config))[0]?.subtitles ?? '';

  it('chooses formats, srt by default, each once', async () => {
    const formats = async (config: SubtitlesConfig) =>
      (await subtitlesOf([said], config)).map(({ format }) => format);
    expect(await formats({})).toEqual(['srt']);
    expect(await formats({ formats: ['vtt', 'srt', 'vtt'] })).toEqual(['vtt', 'srt']);
  });

  it('sets the characters of a row and the rows of a caption', async () => {
    expect(await one({ maximum_characters_per_row: 14, maximum_rows_per_caption: 3 })).toContain(
      '\nOne two three\nfour five six.\nSeven eight\n\n2\n',
    );
  });

  it('sets the longest and the shortest time', async () => {
    expect(await one({ maximum_duration: 1 })).toContain('1\n00:00:00,000 --> 00:00:00,900\nOne two\n');
    expect(await one({ minimum_duration: 20 })).toContain('1\n00:00:00,000 --> 00:00:20,000\nOne two');
    expect((await subtitlesOf([utterance(0, 'Hm.')], {}))[0]?.subtitles).toContain(
      '00:00:00,000 --> 00:00:00,700\n',
    );
  });

  it('in style compliance ends lines with CR LF, every caption with a blank line, and captions with sentences', async () => {
    expect(await one({ style: 'compliance' })).toBe(
      '1\r\n00:00:00,000 --> 00:00:02,900\r\nOne two three four five six.\r\n\r\n' +
        '2\r\n00:00:03,000 --> 00:00:04,900\r\nSeven eight nine ten.\r\n\r\n',
    );
    expect(await one({})).toBe(
      '1\n00:00:00,000 --> 00:00:04,900\nOne two three four five six. Seven eight\nnine ten.\n',
    );
  });
});
