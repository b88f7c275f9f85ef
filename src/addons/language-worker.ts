// The thread that analyses one transcript: loads the language libraries, answers once, and is gone. Started by
// language-thread.ts.
import { parentPort, workerData } from 'node:worker_threads';
import type { Utterance } from '../speech/transcript.ts';
import { type Analysis, type Ask, analyse } from './analyse.ts';

export type LanguageTask = { utterances: Utterance[]; ask: Ask };

const { utterances, ask } = workerData as LanguageTask;
parentPort?.postMessage((await analyse(utterances, ask)) satisfies Analysis);
