// Questions about a whole transcript to a language model: summary, the caller's own prompts, chapters, structured data.
// Each checks the form of its answer, and times come from the transcript, never from the model.
import { parseKept } from '../exact-json.ts';
import type { SummaryType } from '../job-options.ts';
import { fullTranscript } from '../speech/assemble.ts';
import type { Utterance } from '../speech/transcript.ts';
import { type Chat, jsonIn, type Message, TRANSCRIPT_IS_DATA, unusable } from './chat.ts';
import { AddonFailure, type Envelope, failed, succeeded } from './envelope.ts';

const SUMMARY: Record<SummaryType, string> = {
  general: 'Write a summary of the transcript in a few sentences.',
  bullet_points: 'List the key points of the transcript, one line each, each line beginning with "- ".',
  concise: 'Summarise the transcript in one or two short sentences.',
};

const about = (task: string, data: object): Message[] => [
  { role: 'system', content: `${TRANSCRIPT_IS_DATA} ${task}` },
  { role: 'user', content: JSON.stringify(data) },
];

export function summarise(chat: Chat, utterances: readonly Utterance[], type: SummaryType): Promise<string> {
  const task = `${SUMMARY[type]} Write in the language of the transcript, and nothing but the summary.`;
  return chat(about(task, { transcript: fullTranscript(utterances) }));
}

/** One envelope for each prompt: one that fails does not hold back the others. */
export async function askPrompts(
  chat: Chat,
  utterances: readonly Utterance[],
  prompts: readonly string[],
): Promise<Envelope[]> {
  const envelopes: Envelope[] = [];
  for (const prompt of prompts) {
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1_000;
    try {
      const task = `Do with it what this request says: ${JSON.stringify(prompt)}`;
      const response = await chat(about(task, { transcript: fullTranscript(utterances) }));
      envelopes.push(succeeded({ prompt, response }, seconds()));
    } catch (error) {
      if (!(error instanceof AddonFailure)) throw error;
      envelopes.push(failed('prompt', error, seconds()));
    }
  }
  return envelopes;
}

export type Chapter = {
  headline: string;
  summary: string;
  gist: string;
  keywords: string[];
  start: number;
  end: number;
};

export async function chapters(chat: Chat, utterances: readonly Utterance[]): Promise<Chapter[]> {
  const task =
    'Divide it into chapters by subject. Answer with nothing but a JSON list of objects {"first": number of the first utterance, "headline": string, "summary": string, "gist": string of a few words, "keywords": list of strings}.';
  const numbered = utterances.map(({ text }, number) => ({ number, text }));
  const answer = jsonIn(await chat(about(task, { transcript: numbered })));
  if (!Array.isArray(answer) || answer.length === 0 || answer.length > utterances.length) throw unusable();
  let previous = -1;
  const parts = answer.map((item) => {
    const { first, headline, summary, gist, keywords } = (item ?? {}) as Record<string, unknown>;
    if (
      typeof first !== 'number' ||
      !Number.isInteger(first) ||
      first <= previous ||
      first >= utterances.length
    )
      throw unusable();
    if (typeof headline !== 'string' || typeof summary !== 'string' || typeof gist !== 'string')
      throw unusable();
    if (!Array.isArray(keywords) || !keywords.every((word) => typeof word === 'string')) throw unusable();
    previous = first;
    return { first, headline, summary, gist, keywords: keywords as string[] };
  });
  return parts.map(({ first, ...words }, index) => {
    const begin = index === 0 ? 0 : first;
    const last = (parts[index + 1]?.first ?? utterances.length) - 1;
    return { ...words, start: utterances[begin]?.start ?? 0, end: utterances[last]?.end ?? 0 };
  });
}

/** By class, in the spelling of the request, a list of what was found. */
export async function extract(
  chat: Chat,
  utterances: readonly Utterance[],
  classes: readonly string[],
): Promise<Record<string, unknown[]>> {
  const task = `Find what it says about these classes: ${JSON.stringify(classes)}. Answer with nothing but a JSON object that has each class as a key and as its value a list of what was found, empty when there is nothing. Make nothing up.`;
  const answer = jsonIn(await chat(about(task, { transcript: fullTranscript(utterances) })), parseKept);
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) throw unusable();
  const found = new Map(Object.entries(answer));
  return Object.fromEntries(
    classes.map((name) => {
      const list = found.get(name) ?? [];
      if (!Array.isArray(list)) throw unusable();
      return [name, list];
    }),
  );
}
