// Damaged media through the pool of speech processes, in both ways of decoding: each ends as a transcript or as a job
// error that tells its reader something, and nothing is left behind. Recognition is left out: it only ever sees PCM.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JOB_ERRORS } from '../../src/errors.ts';
import { findFfmpeg } from '../../src/speech/ffmpeg.ts';
import type { SpeechPool } from '../../src/speech/pool.ts';
import { fakePool } from '../speech/fake-pool.ts';
import { mutate, seedOf } from '../speech/mutate.ts';
import { readOptions, tell } from './options.ts';
import { randomFrom } from './random.ts';

const FORMATS = new URL('../fixtures/formats/', import.meta.url).pathname;

export async function media({
  files,
  seed,
  tell,
}: {
  files: number;
  seed: number;
  tell: (line: string) => void;
}) {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-media-'));
  const scratch = join(folder, 'scratch');
  const names = (await readdir(FORMATS)).filter((name) => !name.endsWith('.sh')).sort();
  const { path: ffmpeg } = await findFfmpeg();
  const ways = ffmpeg === null ? [null] : [null, ffmpeg];
  const before = await childrenOf(process.pid);
  const started = performance.now();
  const outcomes: Record<string, number> = {};
  const violations: string[] = [];
  let slowestMs = 0;
  let done = 0;

  const one = async (pool: SpeechPool, way: string, number: number) => {
    const name = names[number % names.length] ?? '';
    const round = Math.floor(number / names.length);
    const random = randomFrom(seedOf(`${name} ${round} ${seed}`));
    const path = join(folder, `${way}-${number}`);
    await writeFile(path, mutate(await readFile(join(FORMATS, name)), round, random.next));
    const from = performance.now();
    const outcome = await pool.transcribe({ path }).then(
      () => 'transcript',
      (error: Error & { code?: string }) => {
        const code = error.name === 'JobError' && error.code ? error.code : error.name;
        const clear = code in JOB_ERRORS && !/internal|engine/.test(code);
        const told = !/\/|0x[0-9a-f]|undefined|NaN/.test(error.message);
        if (!clear || !told) {
          violations.push(`${way} ${name} round ${round}: ${code}: ${error.message}`);
          tell(violations.at(-1) ?? '');
        }
        return code;
      },
    );
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    slowestMs = Math.max(slowestMs, performance.now() - from);
    await rm(path);
    if (++done % 100 === 0) tell(`${done}: ${JSON.stringify(outcomes)}`);
  };

  try {
    await mkdir(scratch);
    for (const way of ways) {
      const pool = fakePool(folder, 'echo', {
        size: 2,
        scratchDirectory: scratch,
        ffmpeg: way,
        // Seconds are the rule; a busy machine keeps processes of low priority waiting.
        decodeTimeoutMs: 180_000,
      });
      let next = 0;
      const worker = async () => {
        while (next < files / ways.length) await one(pool, way === null ? 'wasm' : 'ffmpeg', next++);
      };
      await Promise.all([worker(), worker()]);
      const running = await childrenOf(process.pid);
      if (running.size > before.size + pool.size) violations.push(`${running.size} child processes run`);
      await pool.close();
    }
    const left = await readdir(scratch);
    if (left.length > 0) violations.push(`left in the scratch folder: ${left}`);
    const leaked = [...(await childrenOf(process.pid))].filter((pid) => !before.has(pid));
    if (leaked.length > 0) violations.push(`processes left running: ${leaked}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return {
    files: done,
    formats: names.length,
    ways: ways.length,
    seed,
    outcomes,
    slowestMs: Math.round(slowestMs),
    seconds: Math.round((performance.now() - started) / 1_000),
    violations: violations.slice(0, 20),
    violationCount: violations.length,
  };
}

/** Processes below this one, however deep: a decoder's own child counts. */
async function childrenOf(ancestor: number): Promise<Set<number>> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    // The command's name, in parentheses, may hold anything; a zombie has ended.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (parent !== undefined && state !== 'Z') parents.set(Number(name), Number(parent));
  }
  const below = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === ancestor || below(parent));
  };
  return new Set([...parents.keys()].filter(below));
}

/** `--files N --seed N` */
export async function run(argv: string[]): Promise<Awaited<ReturnType<typeof media>>> {
  return media({ ...readOptions(argv, { files: 1_000, seed: 1 }), tell });
}
