import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble, fullTranscript, languagesOf } from '../../src/speech/assemble.ts';
import { CAPTION_RULES, captionsOf, renderSrt, renderText, renderVtt } from '../../src/speech/render.ts';
import type { Utterance } from '../../src/speech/transcript.ts';

function utterance(
  start: number,
  texts: readonly string[],
  { channel = 0, language = 'en', pace = 0.4 } = {},
): Utterance {
  const words = texts.map((text, i) => ({
    word: i === 0 ? text : ` ${text}`,
    start: start + i * pace,
    end: start + (i + 0.8) * pace,
    confidence: 0.9,
  }));
  const end = words.at(-1)?.end ?? start;
  return {
    start,
    end,
    confidence: 0.9,
    channel,
    language,
    text: words.map((word) => word.word).join(''),
    words,
  };
}

const order = utterance(61.31, ['Good', 'morning,', 'order', 'desk.']);
const reply = utterance(60.5, ['Hi', '<there>', '&', 'hello.'], { channel: 1 });
const transcript = assemble({ audioDuration: 70, channels: 2, distinct: [[order], [reply]] });

describe('a transcript', () => {
  it('is in order of start, then channel', () => {
    expect(transcript).toMatchObject({
      audioDuration: 70,
      channels: 2,
      distinctChannels: 2,
      utterances: [reply, order],
    });
    const together = assemble({
      audioDuration: 9,
      channels: 2,
      distinct: [[], [utterance(1, ['b'], { channel: 1 })], [utterance(1, ['a'])]],
    });
    expect(together.utterances.map(({ channel }) => channel)).toEqual([0, 1]);
    expect(fullTranscript(transcript.utterances)).toBe('Hi <there> & hello. Good morning, order desk.');
  });

  it('names languages most first', () => {
    expect(languagesOf([utterance(0, ['a'], { language: 'fr' }), order])).toEqual(['en', 'fr']);
    expect(languagesOf([])).toEqual([]);
  });

  it('of silence is empty in every form', () => {
    const silence = assemble({ audioDuration: 5, channels: 1, distinct: [[]] });
    expect([renderText(silence), renderSrt(silence), renderVtt(silence)]).toEqual(['', '', 'WEBVTT\n']);
    expect(fullTranscript([])).toBe('');
  });

  it('as text says who spoke only when there is more than one channel', () => {
    expect(renderText(transcript)).toBe(
      '[channel 1] Hi <there> & hello.\n[channel 0] Good morning, order desk.\n',
    );
    expect(renderText({ ...transcript, distinctChannels: 1, utterances: [order] })).toBe(
      'Good morning, order desk.\n',
    );
  });

  it('as SubRip has numbers and a comma before the milliseconds', () => {
    expect(renderSrt({ ...transcript, utterances: [utterance(3661.31, ['Good', 'morning.'])] })).toBe(
      '1\n01:01:01,310 --> 01:01:02,030\nGood morning.\n',
    );
    expect(renderSrt(transcript)).toContain('\n\n2\n00:01:01,310 --> ');
  });

  it('as WebVTT escapes what would be markup', () => {
    expect(renderVtt(transcript)).toMatch(
      /^WEBVTT\n\n00:01:00\.500 --> 00:01:0\d\.\d{3}\nHi &lt;there&gt; &amp; hello\.\n\n/,
    );
  });
});

describe('captions', () => {
  it('keep every word, within rows and seconds', () => {
    const text = fc.string({ minLength: 1, maxLength: 60, unit: fc.constantFrom('a', 'é', 'W', '.', '😀') });
    const spoken = fc
      .array(
        fc.record({
          texts: fc.array(text, { minLength: 1, maxLength: 40 }),
          pace: fc.constantFrom(0.05, 0.4, 3, 9),
        }),
        { maxLength: 4 },
      )
      .map((all) => {
        let at = 0;
        return all.map(({ texts, pace }) => {
          const one = utterance(at, texts, { pace });
          at = one.end + pace;
          return one;
        });
      });
    fc.assert(
      fc.property(spoken, (utterances) => {
        const captions = captionsOf(utterances);
        const bare = (texts: string[]) => texts.join('').replaceAll(' ', '');
        expect(bare(captions.flatMap((caption) => caption.rows))).toBe(
          bare(utterances.map(({ text }) => text)),
        );
        for (const [i, { start, end, rows }] of captions.entries()) {
          expect(rows.length).toBeLessThanOrEqual(CAPTION_RULES.rows);
          for (const row of rows) expect([...row].length).toBeLessThanOrEqual(CAPTION_RULES.charactersPerRow);
          expect(end - start).toBeLessThanOrEqual(CAPTION_RULES.longest + 1e-9);
          const next = captions[i + 1]?.start ?? Number.POSITIVE_INFINITY;
          if (next - start >= CAPTION_RULES.shortest) {
            expect(end - start).toBeGreaterThanOrEqual(CAPTION_RULES.shortest - 1e-9);
          }
        }
      }),
    );
  });
});
