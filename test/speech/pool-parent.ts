// A parent to be killed by pool.test.ts: runs one job that never ends, and says when it is under way.

import { fakePool } from './fake-pool.ts';

const [scratchDirectory = '', path = ''] = process.argv.slice(2);
const pool = fakePool(scratchDirectory, 'patient', { scratchDirectory });
await pool.transcribe({
  path,
  onProgress: ({ phase, fraction }) => {
    if (phase === 'recognising' && fraction !== 0) process.send?.('working');
  },
});
