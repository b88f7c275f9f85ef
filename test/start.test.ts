// What is refused, or said, when a server starts: better then than with the first job.
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createLog } from '../src/log.ts';
import { type Ringback, startRingback } from '../src/main.ts';
import { isEveryInterface, readSettings } from '../src/settings.ts';
import { generateSecret } from '../src/signature.ts';
import { findFfmpeg } from '../src/speech/ffmpeg.ts';
import { type Database, openDatabase } from '../src/store/database.ts';
import { revokeUnconfigured } from '../src/store/keys.ts';
import { clientOf } from './rig/app.ts';
import { freshDatabase } from './rig/postgres.ts';

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let database: Database;
let folder: string;
const running: Ringback[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-start-'));
  fresh = await freshDatabase();
  database = openDatabase({ connectionString: fresh.url, size: 2, onError: () => {} });
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});

const secret = generateSecret();
const KEYS = ['rb_first_0123456789abcd', 'rb_second_0123456789ab'] as const;

/** Without a role that loads a model, unless asked for. */
async function start(settings: Record<string, string | null> = {}): Promise<Ringback> {
  const given = {
    RINGBACK_DATA_DIR: join(folder, 'data'),
    DATABASE_URL: fresh.url,
    RINGBACK_ROLE: 'api,deliver',
    RINGBACK_API_KEYS: KEYS[0],
    RINGBACK_SIGNING_SECRET: secret,
    RINGBACK_PORT: '0',
    RINGBACK_LOG_LEVEL: 'silent',
    ...settings,
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)) as Record<
    string,
    string
  >;
  const started = await startRingback(readSettings(set), createLog('silent'));
  running.push(started);
  return started;
}
const refusalOf = (settings: Record<string, string | null>): Promise<string> =>
  start(settings).then(
    () => 'it started',
    (error: Error) => error.message,
  );

test.for<[string, () => Promise<string>]>([
  ['a name that is no model', async () => 'moonshine-huge'],
  ['a folder that is not there', async () => join(folder, 'no-model')],
  [
    'a folder without a model',
    async () => {
      await mkdir(join(folder, 'empty'), { recursive: true });
      return join(folder, 'empty');
    },
  ],
  [
    'files that are no model',
    async () => {
      const broken = join(folder, 'broken');
      await mkdir(broken, { recursive: true });
      for (const name of ['encoder_model.onnx', 'decoder_model_merged.onnx'])
        await writeFile(join(broken, name), 'not a model');
      return broken;
    },
  ],
])('RINGBACK_MODEL, %s: refused at the start, in the words of the engine', async ([, model]) => {
  const refusal = await refusalOf({ RINGBACK_ROLE: 'api,transcribe', RINGBACK_MODEL: await model() });
  expect(refusal).toContain('RINGBACK_MODEL');
  expect(refusal).toContain('moonshine-tiny');
});

test('another storage folder: refused, with the folder named and the cure; the cure cures', async () => {
  await start();
  const other = join(folder, 'other-audio');
  const refusal = await refusalOf({ RINGBACK_STORAGE: other });
  expect(refusal).toMatch(/^RINGBACK_STORAGE: .*other-audio.*has no file storage-id/);
  const id = /write (\S+) into/.exec(refusal)?.[1] as string;
  await writeFile(join(other, 'storage-id'), `${'0'.repeat(8)}\n`);
  expect(await refusalOf({ RINGBACK_STORAGE: other })).toContain('says 00000000');
  await writeFile(join(other, 'storage-id'), `${id}\n`);
  await start({ RINGBACK_STORAGE: other });
});

test('a storage folder that was moved is still the same; a server that only sends needs none', async () => {
  await start();
  const moved = join(folder, 'moved');
  await cp(join(folder, 'data', 'audio'), moved, { recursive: true });
  await start({ RINGBACK_STORAGE: moved });
  await start({ RINGBACK_ROLE: 'deliver', RINGBACK_STORAGE: join(folder, 'nothing') });
});

test('another signing secret beside a living server: refused; one in common is enough to change over', async () => {
  const first = await start();
  const next = generateSecret();
  expect(await refusalOf({ RINGBACK_SIGNING_SECRET: next })).toMatch(
    /^RINGBACK_SIGNING_SECRET: another server/,
  );
  await start({ RINGBACK_SIGNING_SECRET: `${next},${secret}` });
  await first.stop();
  await start({ RINGBACK_SIGNING_SECRET: next });
});

test('a server without a signing secret beside one that has it set, and the other way round: refused', async () => {
  const first = await start();
  expect(await refusalOf({ RINGBACK_SIGNING_SECRET: null })).toMatch(
    /^RINGBACK_SIGNING_SECRET: another server .* signs with other secrets/,
  );
  await first.stop();
  await start({ RINGBACK_SIGNING_SECRET: null });
  await start({ RINGBACK_SIGNING_SECRET: null });
  expect(await refusalOf({})).toMatch(/^RINGBACK_SIGNING_SECRET: another server .* has none set/);
});

test('keys of a living server are not revoked by another one; once no living server has them, they are', async () => {
  const first = await start();
  const second = await start({ RINGBACK_API_KEYS: KEYS[1] });
  const status = async (url: string | null, key: string) =>
    (await clientOf(url as string, key).call('GET', '/v2/pre-recorded')).status;
  for (const key of KEYS)
    expect([await status(first.url, key), await status(second.url, key)]).toEqual([200, 200]);
  expect(await revokeUnconfigured(database.db)).toEqual([]);
  await first.stop();
  expect(await revokeUnconfigured(database.db)).toEqual([KEYS[0].slice(0, 8)]);
  expect([await status(second.url, KEYS[0]), await status(second.url, KEYS[1])]).toEqual([401, 200]);
});

test('a server that was killed stands in nobody’s way', async () => {
  await start();
  await database.db
    .insertInto('process')
    .values({
      id: '00000000-0000-4000-8000-000000000001',
      host: 'gone',
      pid: 1,
      pid_space: null,
      roles: ['api'],
      key_hashes: [],
      secret_prints: ['another'],
      beat_at: new Date(Date.now() - 31_000),
    })
    .execute();
  await start();
});

test.for([
  [{ RINGBACK_HOST: '0.0.0.0' }, /RINGBACK_HOST is 0\.0\.0\.0/],
  [{ RINGBACK_HOST: '::' }, /RINGBACK_HOST is ::/],
  [{ RINGBACK_HOST: '0' }, /RINGBACK_HOST is 0,/],
  [{ RINGBACK_ROLE: 'transcribe' }, /without the api role/],
  [{ RINGBACK_ROLE: 'transcribe,deliver' }, /without the api role/],
] as const)('%o without RINGBACK_PUBLIC_URL: refused', async ([settings, says]) => {
  const refusal = await refusalOf(settings);
  expect(refusal).toMatch(/^RINGBACK_PUBLIC_URL: /);
  expect(refusal).toMatch(says);
});

test('every interface with a public URL is fine', async () => {
  await start({ RINGBACK_HOST: '0.0.0.0', RINGBACK_PUBLIC_URL: 'https://stt.example.org' });
  expect(
    ['0.0.0.0', '0', '0x0', '::', '[::]', '0:0:0:0:0:0:0:0', '::ffff:0.0.0.0'].filter(
      (one) => !isEveryInterface(one),
    ),
  ).toEqual([]);
  expect(['127.0.0.1', '::1', 'localhost', '10.0.0.0', 'fe80::1'].filter(isEveryInterface)).toEqual([]);
});

async function onPath(name: string, script: string): Promise<string> {
  const bin = join(folder, name);
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, 'ffmpeg'), script);
  await chmod(join(bin, 'ffmpeg'), 0o755);
  return bin;
}

test.for([
  [
    'lacks-a-library',
    '#!/bin/sh\necho "error while loading shared libraries" >&2\nexit 127\n',
    /127.*shared libraries/,
  ],
  ['hangs', '#!/bin/sh\nexec sleep 60\n', /did not answer/],
  ['hangs-with-its-children', '#!/bin/sh\nsleep 60\n', /did not answer/],
  ['leaves-a-child-behind', '#!/bin/sh\nsleep 60 &\n', /did not answer/],
  ['does-nothing', '#!/bin/sh\ncat >/dev/null\n', /decoded nothing/],
  ['is-of-another-machine', '\x7fELF\x02\x01\x01 nothing', /\S/],
  ['is-killed', '#!/bin/sh\nkill -11 $$\n', /SIGSEGV/],
] as const)('an ffmpeg that %s is found out', async ([name, script, why]) => {
  const bin = await onPath(name, script);
  expect(await findFfmpeg(bin, 1_000)).toEqual({
    path: null,
    broken: [{ path: join(bin, 'ffmpeg'), why: expect.stringMatching(why) }],
  });
});

test('after a broken ffmpeg the next on the PATH is taken', async ({ skip }) => {
  const { path } = await findFfmpeg();
  if (path === null) return skip('ffmpeg is not installed');
  const bin = await onPath('broken-first', '#!/bin/sh\nexit 127\n');
  expect((await findFfmpeg(`${bin}:${process.env.PATH}`)).path).toBe(path);
});
