// A pool of one process with the engine of fake-engine.ts, without ffmpeg.
import { join } from 'node:path';
import { createSpeechPool, type SpeechPool, type SpeechPoolOptions } from '../../src/speech/pool.ts';

/** `model` is what the engine does. */
export function fakePool(folder: string, model: string, more: Partial<SpeechPoolOptions> = {}): SpeechPool {
  return createSpeechPool({
    size: 1,
    model,
    cacheDirectory: join(folder, 'cache'),
    scratchDirectory: join(folder, 'scratch'),
    ffmpeg: null,
    maxDurationSeconds: 600,
    engineModule: new URL('./fake-engine.ts', import.meta.url),
    ...more,
  });
}
