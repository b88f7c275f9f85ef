// Words that are the echo of another channel, judged with what is known of the sound.

import { expect, test } from 'vitest';
import { ownWords, type Sound } from '../../src/speech/echo-words.ts';

const spoken = (text: string, at: number) => ({
  words: text.split(' ').map((word, i) => ({
    word: i === 0 ? word : ` ${word}`,
    start: at + i * 0.4,
    end: at + i * 0.4 + 0.3,
    confidence: 0.9,
  })),
});

/** The second channel is so many decibels louder than the first. */
const sound = (decibels: number, same = false): Sound => ({
  louder: (one) => (one === 0 ? -decibels : decibels),
  same: () => same,
});

const kept = (left: string, right: string, later: number, how: Sound) =>
  ownWords([spoken(left, 1), spoken(right, 1 + later)], how).map((words) =>
    words.map(({ word }) => word.trim()).join(' '),
  );

test('the same words on a channel that is much quieter are an echo', () => {
  expect(kept('Your number please', 'your number, please.', 0.05, sound(-20))).toEqual([
    'Your number please',
    '',
  ]);
  expect(kept('Your number please', 'your number, please.', -0.05, sound(20))).toEqual([
    '',
    'your number, please.',
  ]);
});

test('another hearing of them, and what is between them, goes too', () => {
  expect(kept('please enter your agent number', 'please end your aged numbers', 0.05, sound(-15))[1]).toBe(
    '',
  );
});

test('as loud, and not the same sound: both said it', () => {
  expect(kept('yes', 'Yes.', 0.1, sound(0))).toEqual(['yes', 'Yes.']);
  expect(kept('thank you', 'thank you', 0.1, sound(6))).toEqual(['thank you', 'thank you']);
});

test('as loud, and the same sound: told on the first', () => {
  expect(kept('thank you', 'thank you', 0.02, sound(0, true))).toEqual(['thank you', '']);
});

test('other words, or the same later, are its own however quiet', () => {
  expect(kept('your number please', 'forty two', 0, sound(-20))[1]).toBe('forty two');
  expect(kept('yes', 'yes', 0.6, sound(-20))[1]).toBe('yes');
});
