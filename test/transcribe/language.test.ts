import { expect, it } from 'vitest';
import { refuseLanguage } from '../../src/transcribe/language.ts';

it.each([
  [{}],
  [{ language_config: { languages: [] } }],
  [{ language_config: { languages: ['fr', 'EN'] } }],
  [{ language: null, language_config: null }],
  [{ language: 'english', detect_language: false }],
  [{ language: '', enable_code_switching: true, code_switching_config: null }],
  [{ enable_code_switching: true, code_switching_config: { languages: ['fr', 'en'] } }],
  [{ enable_code_switching: false, code_switching_config: { languages: ['fr'] } }],
])('%j may be English', (request) => {
  expect(() => refuseLanguage(request)).not.toThrow();
});

it.each([
  [{ language_config: { languages: ['fr', 'de'] } }, /fr, de/],
  [{ language: 'fr' }, /fr/],
  [{ enable_code_switching: true, code_switching_config: { languages: ['fr', 'es'] } }, /fr, es/],
])('%j is not', (request, named) => {
  expect(() => refuseLanguage(request)).toThrow(named);
});
