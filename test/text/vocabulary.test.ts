// What is heard here is what the real model made of real and synthetic speech (docs/speech.md); the confidences are its.
import { describe, expect, it } from 'vitest';
import { shapeUtterances, type TextOptions } from '../../src/text/shape.ts';
import { textsOf, utterance } from './spoken.ts';

type Words = NonNullable<TextOptions['custom_vocabulary_config']>['vocabulary'];

/** `yen{0.08}` is a word and its confidence, 0.97 where none is given. */
async function written(heard: string, vocabulary: Words, default_intensity?: number): Promise<string> {
  const parts = heard.split(' ').map((part) => /^(.*?)(?:\{(.*)\})?$/.exec(part) ?? []);
  const confidence = parts.map(([, , given]) => Number(given ?? 0.97));
  const said = utterance(
    0,
    parts.map(([, word = '']) => word),
    { confidence },
  );
  const config = { vocabulary, ...(default_intensity !== undefined && { default_intensity }) };
  return textsOf(
    await shapeUtterances([said], { custom_vocabulary: true, custom_vocabulary_config: config as never }),
  ).join(' | ');
}

describe('names that were misheard are repaired', () => {
  it.each<[string, string, Words]>([
    ['Mr.{0.66} Nashwood{0.31} had leisure', 'Mr. Dashwood had leisure', ['Dashwood']],
    ['the numbers in Breathana{0.09} every', 'the numbers in Grafana every', ['Grafana']],
    ['stored in post-core{0.05} SQL{0.37} now.', 'stored in PostgreSQL now.', ['PostgreSQL']],
    ['works with David{0.35} Riggs{0.23} on', 'works with Databricks on', ['Databricks']],
    ['stop taking loose{0.27} in{0.98} April.{0.58}', 'stop taking Lisinopril.', ['Lisinopril']],
    ['lands in Skiffal{0.03} at', 'lands in Schiphol at', ['Schiphol']],
    [
      'talked to Shivona{0.11} about',
      'talked to Siobhan about',
      [{ value: 'Siobhan', pronunciations: ['shi vawn'] }],
    ],
    [
      'led by Chris{0.18} Tarff.{0.3}',
      'led by Krzysztof.',
      [{ value: 'Krzysztof', pronunciations: ['kris toff'] }],
    ],
    ['push it to git{0.6} lab{0.5} before', 'push it to GitLab before', ['GitLab']],
    ["at Nashwood's{0.3} house", "at Dashwood's house", ['Dashwood']],
  ])('%s', async (heard, expected, vocabulary) => {
    expect(await written(heard, vocabulary)).toBe(expected);
    expect(await written(heard, ['Qualcomm', 'Thibault'])).toBe(heard.replaceAll(/\{.*?\}/g, ''));
  });
});

describe('words that were heard are left alone', () => {
  it.each<[string, Words]>([
    ['The conference{0.88} is full', ['Confluence']],
    ['turn right{0.95} here', ['Wright']],
    ['press{0.58} star{0.42} and call{0.51}', ['Price', 'Stehr', 'Cole']],
    ['1{0.66} when{0.95} in{0.8}', [{ value: 'Nguyen', pronunciations: ['win'] }]],
    ['will you or will Bill', ['Will']],
    ['git, lab', ['GitLab']],
  ])('%s', async (heard, vocabulary) => {
    expect(await written(heard, vocabulary)).toBe(heard.replaceAll(/\{.*?\}/g, ''));
  });
});

describe('words of the vocabulary', () => {
  it('are written as there, however sure the recogniser was', async () => {
    expect(await written('the asterisk PBX, Pbx and git hub', ['Asterisk', 'PBX', 'GitHub'])).toBe(
      'the Asterisk PBX, PBX and GitHub',
    );
    expect(await written('an inter-asterisk{0.1} exchange', ['Asterisk'])).toBe('an inter-Asterisk exchange');
    expect(await written('Mrs. Bergstrom came', ['Bergström'])).toBe('Mrs. Bergström came');
  });

  it('begin a sentence with a capital when they are small', async () => {
    const vocabulary = ['login', 'iPhone'];
    expect(await written('Login here. Login there, not Login. Iphone', vocabulary)).toBe(
      'Login here. Login there, not login. iPhone',
    );
  });

  it('are found in the words that are most like them', async () => {
    expect(await written('by Nashwood{0.2} and Bashword{0.2}', ['Dashwood', 'Bashford'])).toBe(
      'by Dashwood and Bashford',
    );
  });

  it('may be other words too, with their own times', async () => {
    const [shaped] = await shapeUtterances([utterance(0, 'for the raspberry pie', { confidence: 0.3 })], {
      custom_vocabulary: ['Raspberry Pi'],
    });
    expect(shaped?.words.slice(2)).toEqual([
      { word: ' Raspberry', start: 0.8, end: 1.12, confidence: 0.3 },
      { word: ' Pi', start: 1.2, end: 1.52, confidence: 0.3 },
    ]);
  });
});

describe('intensity', () => {
  it('asks for the very sound at 0, and for less and less', async () => {
    const heard = 'in Breathana{0.09} and Grafanna{0.09}';
    expect(await written(heard, ['Grafana'], 0)).toBe('in Breathana and Grafana');
    expect(await written(heard, ['Grafana'])).toBe('in Grafana and Grafana');
    expect(await written('The conference{0.88} is', ['Confluence'], 1)).toBe('The Confluence is');
  });

  it('of an entry counts for the entry', async () => {
    const vocabulary = [{ value: 'Grafana', intensity: 0.1 }, 'Dashwood'];
    expect(await written('Breathana{0.09} Nashwood{0.31}', vocabulary)).toBe('Breathana Dashwood');
  });
});

it('takes the older list of strings, and is off without the flag', async () => {
  const said = [utterance(0, 'Nashwood', { confidence: 0.3 })];
  const custom_vocabulary_config = { vocabulary: ['Dashwood'] };
  expect(textsOf(await shapeUtterances(said, { custom_vocabulary: ['Dashwood'] }))).toEqual(['Dashwood']);
  expect(await shapeUtterances(said, { custom_vocabulary_config })).toEqual(said);
  expect(await shapeUtterances(said, { custom_vocabulary: false, custom_vocabulary_config })).toEqual(said);
  expect(await shapeUtterances(said, { custom_vocabulary: true })).toEqual(said);
});
