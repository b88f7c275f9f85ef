// A process to be started with few file descriptors: uses all of them up, transcribes, gives them back, transcribes
// again, and says what came of each.
import { closeSync, openSync } from 'node:fs';
import { shortageOf } from '../../src/shortage.ts';
import { fakePool } from './fake-pool.ts';

const [scratchDirectory = '', path = '', left = '0'] = process.argv.slice(2);
const pool = fakePool(scratchDirectory, 'echo', { scratchDirectory });
const transcribe = () =>
  pool.transcribe({ path }).then(
    ({ channels }) => `${channels} channel`,
    (error: unknown) => String(shortageOf(error) ?? error),
  );

const held: number[] = [];
try {
  for (;;) held.push(openSync('/dev/null', 'r'));
} catch {
  // That was the last one.
}
for (const fd of held.splice(0, Number(left))) closeSync(fd);
const short = await transcribe();
for (const fd of held) closeSync(fd);
process.stdout.write(JSON.stringify([short, await transcribe(), pool.free]));
await pool.close();
