import { expect, it } from 'vitest';
import { phonemesOf, plain } from '../../src/text/phonemes.ts';

it.each([
  ['knight', 'night'],
  ['Moncrieff', 'moncrief'],
  ['GitLab', 'git lab'],
  ['PostgreSQL', 'postgre s q l'],
  ['iPhone', 'I fone'],
  ['S3', 'ess three'],
  ['Schiphol', 'skifol'],
  ['Bergström', 'bergstrom'],
  ['Łukasz', 'lukash'],
  ['nation', 'nashun'],
])('%s sounds much like %s', (one, other) => {
  const vowelless = (text: string) => phonemesOf(text).replaceAll(/[aeiou@EAOW]/g, '');
  expect(vowelless(one)).toBe(vowelless(other));
});

it('spells out capitals that are no word, and keeps letters of other scripts', () => {
  expect(phonemesOf('SQL')).toBe(phonemesOf('S Q L'));
  expect(phonemesOf('NASA')).toBe(phonemesOf('nasa'));
  expect(phonemesOf('Жук')).toBe('жук');
  expect([phonemesOf(''), phonemesOf('?!')]).toEqual(['', '']);
  expect(plain('ÉÑ-Straße')).toBe('en-strasse');
});
