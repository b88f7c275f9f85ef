// A parent to be killed by pool.test.ts: runs one job that never ends, and says when it is under way.

import { createSpeechPool } from '../../src/speech/pool.ts';

const [scratchDirectory = '', path = ''] = process.argv.slice(2);
const pool = createSpeechPool({
  size: 1,
  model: 'patient',
  cacheDirectory: scratchDirectory,
  scratchDirectory,
  ffmpeg: null,
  maxDurationSeconds: 600,
  engineModule: new URL('./fake-engine.ts', import.meta.url),
});
await pool.transcribe({
  path,
  onProgress: ({ phase, fraction }) => {
    if (phase === 'recognising' && fraction !== 0) process.send?.('working');
  },
});
