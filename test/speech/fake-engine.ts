// An engine for the tests of the pool, loaded by its child processes in place of the real one. What it does is its
// model's name, so that a test can make a process crash, hang or grow without a model.

import { readFile } from 'node:fs/promises';
import { JobError } from '../../src/errors.ts';
import type { PcmFile, Utterance } from '../../src/speech/transcript.ts';

type Options = { channel: number; onProgress: (seconds: number) => void; signal: AbortSignal };

export async function loadEngine({ model }: { model: string }) {
  if (model === 'unloadable') throw new Error('no such model: unloadable');
  return {
    slowBecause: null,
    async recognise(audio: PcmFile, { channel, onProgress, signal }: Options): Promise<Utterance[]> {
      onProgress(1);
      if (model === 'crash') process.abort();
      if (model === 'throw') throw new Error('tensor of the wrong shape');
      if (model === 'no memory')
        throw new JobError('engine_failed', 'It failed.', { cause: new Error('std::bad_alloc') });
      if (model === 'deaf') for (;;);
      if (model === 'hog') await grow();
      if (model === 'slow') await new Promise((next) => setTimeout(next, 1_000));
      if (model === 'patient') {
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          setTimeout(() => {}, 3_600_000);
        });
      }
      const bytes = await readFile(audio.path);
      const text = `${bytes.length / 2} of ${audio.samples} samples, priority ${(await import('node:os')).getPriority()}`;
      return [{ start: 1 - channel / 2, end: 2, confidence: 1, channel, language: 'en', text, words: [] }];
    },
  };
}

async function grow(): Promise<never> {
  const held: Buffer[] = [];
  for (;;) {
    held.push(Buffer.alloc(16 * 2 ** 20, held.length));
    await new Promise((next) => setTimeout(next, 5));
  }
}
