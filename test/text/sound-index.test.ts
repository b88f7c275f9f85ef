import fc from 'fast-check';
import { expect, it } from 'vitest';
import { exchangeCost, weightOf } from '../../src/text/phonemes.ts';
import { SoundIndex } from '../../src/text/sound-index.ts';
import { likenessAsked } from '../../src/text/vocabulary.ts';

type Entry = { sound: string; intensity: number };

const weigh = (sound: string) => [...sound].reduce((sum, phoneme) => sum + weightOf(phoneme), 0);

/** The weighted edit distance as the books write it. */
function distance(a: string, b: string): number {
  if (a === '' || b === '') return weigh(a + b);
  const [left, right] = [a[0] as string, b[0] as string];
  const [as, bs] = [a.slice(1), b.slice(1)];
  return Math.min(
    exchangeCost(left, right) + distance(as, bs),
    weightOf(left) + distance(as, b),
    weightOf(right) + distance(a, bs),
  );
}

/** The greatest likeness, every entry compared; `slack` more than asked is asked. */
function greatest(entries: readonly Entry[], heard: string, confidence: number, slack: number): number {
  const alike = entries.map((entry) => ({
    entry,
    likeness: 1 - distance(entry.sound, heard) / Math.max(weigh(entry.sound), weigh(heard)),
  }));
  const enough = alike.filter(
    ({ entry, likeness }) =>
      likeness >= likenessAsked(weigh(entry.sound), entry.intensity, confidence) + slack,
  );
  return Math.max(0, ...enough.map(({ likeness }) => likeness));
}

const sound = fc.string({
  minLength: 1,
  maxLength: 6,
  unit: fc.constantFrom('a', 'i', '@', 't', 'd', 'n', 's', 'r', 'ж'),
});

it('finds what comparing every entry finds, and nothing else', () => {
  const entries = fc.array(fc.record({ sound, intensity: fc.constantFrom(0, 0.4, 0.5, 1) }), {
    maxLength: 12,
  });
  let found = 0;
  fc.assert(
    fc.property(entries, sound, fc.constantFrom(0, 0.3, 0.9), (list, other, confidence) => {
      // Half of them are like an entry.
      const like = list[other.length]?.sound.slice(1);
      const heard = like === undefined ? other : `${other.slice(0, 1)}${like}`;
      const index = new SoundIndex<Entry>(likenessAsked);
      for (const entry of list) index.add(entry.sound, entry);
      const got = index.closest(heard, confidence)?.likeness ?? 0;
      // What is alike just as much as asked may go either way: sums of fractions are not exact.
      expect(got).toBeGreaterThanOrEqual(greatest(list, heard, confidence, 1e-9) - 1e-9);
      expect(got).toBeLessThanOrEqual(greatest(list, heard, confidence, -1e-9) + 1e-9);
      if (got > 0) found += 1;
    }),
    { numRuns: 300 },
  );
  expect(found).toBeGreaterThan(20);
});

it('asks for no less of lighter sounds, of lower intensity, and of what was heard for sure', () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 20, noNaN: true }),
      unit,
      unit,
      unit,
      (weight, intensity, confidence, more) => {
        const asked = likenessAsked(weight, intensity, confidence);
        expect(likenessAsked(weight + more, intensity, confidence)).toBeLessThanOrEqual(asked);
        expect(likenessAsked(weight, Math.min(1, intensity + more), confidence)).toBeLessThanOrEqual(asked);
        expect(likenessAsked(weight, intensity, Math.min(1, confidence + more))).toBeGreaterThanOrEqual(
          asked,
        );
      },
    ),
  );
});

it('leaves out an empty sound, and cuts one that is endless', () => {
  const index = new SoundIndex<Entry>(likenessAsked);
  const long = 'tas'.repeat(60);
  index.add('', { sound: '', intensity: 1 });
  expect(index.closest('tas', 0)).toBeUndefined();
  index.add(long, { sound: long, intensity: 0.5 });
  expect(index.closest(long, 0)?.likeness).toBe(1);
  expect(index.closest('', 0)).toBeUndefined();
});
