// Analyses a transcript in a thread of its own, so that the server goes on answering and the language libraries
// (a second to load, 150 MB) are in memory only while they work. Owns the thread and its limits.
import { Worker } from 'node:worker_threads';
import type { Utterance } from '../speech/transcript.ts';
import type { Analysis, Ask } from './analyse.ts';
import type { LanguageTask } from './language-worker.ts';

/** 10,000 words take 2 s here; ten times that on a busy machine, and the minute for loading. */
const TIME = { base: 60_000, perWord: 2 };

/** Rejects with the reason of the signal, or with an Error that says what the thread died of. */
export async function analyseInThread(
  utterances: Utterance[],
  ask: Ask,
  signal: AbortSignal,
): Promise<Analysis> {
  signal.throwIfAborted();
  const words = utterances.reduce((sum, utterance) => sum + utterance.words.length, 0);
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./language-worker.${extension}`, import.meta.url), {
    workerData: { utterances, ask } satisfies LanguageTask,
    resourceLimits: { maxOldGenerationSizeMb: 768, maxYoungGenerationSizeMb: 64 },
    execArgv: [],
    env: {},
  });
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      worker.removeAllListeners();
      // An error that comes while the thread is being ended is of no interest any more.
      worker.on('error', () => {});
      worker.terminate().then(finish, finish);
    };
    const fail = (error: unknown) => settle(() => reject(error));
    const onAbort = () => fail(signal.reason);
    const limit = TIME.base + TIME.perWord * words;
    const timer = setTimeout(() => fail(new Error(`not done after ${limit} ms`)), limit);
    signal.addEventListener('abort', onAbort, { once: true });
    worker.once('message', (analysis: Analysis) => settle(() => resolve(analysis)));
    worker.once('error', fail);
    worker.once('exit', (code) => fail(new Error(`the thread ended with ${code}`)));
  });
}
