// Idempotency-Key: requests repeated, changed, and sent at the very same instant, on a real database and folder.
import { randomUUID } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { finishJob, startJob } from '../../src/store/jobs.ts';
import { type Api, startApi } from '../rig/api.ts';
import { eventually } from '../rig/eventually.ts';

let api: Api;
let probes: number;
let fetches: number;
let probing: () => Promise<void>;
beforeAll(async () => {
  api = await startApi({
    probe: async () => {
      probes++;
      await probing();
      return { durationSeconds: 1.5, channels: 2 };
    },
    fetchAudio: async (_url, path) => {
      fetches++;
      await writeFile(path, 'fetched');
      return { bytes: 7, filename: 'fetched.mp3' };
    },
  });
});
afterAll(() => api.stop());
beforeEach(() => {
  probes = 0;
  fetches = 0;
  probing = async () => {};
});

const AUDIO = { audio_url: 'https://cdn.example.org/call-42.mp3', custom_metadata: { order: 'A-17', n: 1 } };

const create = (body: object | string, key?: string, url = '/v2/pre-recorded', as = api.key) =>
  api.call({
    method: 'POST',
    url,
    body,
    as,
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });

function upload(bytes: string, key: string, filename = 'call.mp3', boundary: string = randomUUID()) {
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="audio"; filename="${filename}"\r\ncontent-type: audio/mpeg\r\n\r\n`;
  return api.call({
    method: 'POST',
    url: '/v2/upload',
    headers: { 'idempotency-key': key, 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.from(`${head}${bytes}\r\n--${boundary}--\r\n`),
  });
}

const count = async (table: 'job' | 'audio' | 'idempotency_key') =>
  (await api.db.selectFrom(table).selectAll().execute()).length;

async function files(): Promise<number> {
  const entries = await readdir(api.folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
}

test('the same key and body: the same answer, byte for byte, and one job; whatever the order of the keys', async () => {
  const key = randomUUID();
  const first = await create(AUDIO, key);
  const jobs = await count('job');
  expect([first.status, first.headers['idempotent-replayed']]).toEqual([201, undefined]);
  const shuffled = `{ "custom_metadata": {"n": 1, "order": "A-17"}, "audio_url": "${AUDIO.audio_url}" }`;
  for (const body of [AUDIO, shuffled]) {
    const again = await create(body, key);
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(again.headers['idempotent-replayed']).toBe('true');
  }
  expect(await count('job')).toBe(jobs);
  expect((await create(AUDIO)).json.id).not.toBe(first.json.id);
});

test('the same key with another body: 409, and nothing is made', async () => {
  const key = randomUUID();
  await create(AUDIO, key);
  const jobs = await count('job');
  for (const body of [
    { ...AUDIO, custom_metadata: { order: 'A-18', n: 1 } },
    { ...AUDIO, sentences: null },
    { audio_url: AUDIO.audio_url },
  ])
    expect(await create(body, key)).toMatchObject({
      status: 409,
      json: { error: { code: 409, reason: 'idempotency_key_reused' } },
    });
  expect(await count('job')).toBe(jobs);
});

test('a key counts for one account and one route', async () => {
  const key = randomUUID();
  const ids = [
    (await create(AUDIO, key)).json.id,
    (await create(AUDIO, key, '/v2/transcription')).json.id,
    (await create(AUDIO, key, '/v2/pre-recorded', api.stranger)).json.id,
  ];
  expect(new Set(ids).size).toBe(3);
  expect((await create(AUDIO, key, '/v2/transcription/')).json.id).toBe(ids[1]);
  expect((await upload('any bytes', key)).status).toBe(200);
});

test('a refused request leaves its key free', async () => {
  const key = randomUUID();
  expect((await create({ audio_url: 'nonsense' }, key)).status).toBe(400);
  expect((await create(AUDIO, key)).status).toBe(201);
});

test('a key that is none is refused before anything is done', async () => {
  const jobs = await count('job');
  for (const key of ['', 'with space', 'x'.repeat(256), 'schlüssel'])
    expect(await create(AUDIO, key)).toMatchObject({
      status: 400,
      json: {
        validation_errors: [
          'idempotency-key must be 1 to 255 visible ASCII characters without spaces, such as a UUID',
        ],
      },
    });
  expect((await create(AUDIO, 'x'.repeat(255))).status).toBe(201);
  expect(await count('job')).toBe(jobs + 1);
});

test('twenty at the same instant make one job; without the key they make twenty', async () => {
  const twenty = <T>(send: () => Promise<T>) => Promise.all(Array.from({ length: 20 }, send));
  const before = await count('job');
  const key = randomUUID();
  const answers = await twenty(() => create(AUDIO, key));
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(answers[0]?.status).toBe(201);
  expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === undefined)).toHaveLength(1);
  expect(await count('job')).toBe(before + 1);
  await twenty(() => create(AUDIO));
  expect(await count('job')).toBe(before + 21);
});

test('two bodies at the same instant: one job, and 409 for the other', async () => {
  const before = await count('job');
  const key = randomUUID();
  const answers = await Promise.all([create(AUDIO, key), create({ ...AUDIO, sentences: true }, key)]);
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  expect(await count('job')).toBe(before + 1);
});

test('the key lives as long as the job', async () => {
  const key = randomUUID();
  const { json } = await create(AUDIO, key);
  await startJob(api.db, json.id, 60_000);
  await finishJob(api.db, json.id, 1, {
    ending: { filename: null, duration: null, channels: null, result: Buffer.from('{}') },
    delivery: null,
  });
  expect((await create(AUDIO, key)).json.id).toBe(json.id);
  await api.call({ method: 'DELETE', url: `/v2/pre-recorded/${json.id}` });
  expect((await create(AUDIO, key)).json.id).not.toBe(json.id);
});

test('upload: the same bytes under the same name get the same answer, and are stored and measured once', async () => {
  const key = randomUUID();
  const first = await upload('any bytes', key);
  const before = [await count('audio'), await files()];
  const again = await upload('any bytes', key);
  expect([again.status, again.text]).toEqual([200, first.text]);
  expect(again.headers['idempotent-replayed']).toBe('true');
  expect(probes).toBe(1);
  for (const other of [upload('other bytes', key), upload('any bytes', key, 'else.mp3')])
    expect(await other).toMatchObject({ status: 409, json: { error: { reason: 'idempotency_key_reused' } } });
  expect([await count('audio'), await files()]).toEqual(before);
  const file = await api.server.inject({
    url: new URL(first.json.audio_url).pathname,
    headers: { 'x-gladia-key': api.key },
  });
  expect(file.body).toBe('any bytes');
});

test('uploads that all arrive before the first is stored: one row, one file, one answer', async () => {
  const before = [await count('audio'), await files()] as [number, number];
  // None goes on before all have looked for an earlier answer: the database alone decides.
  const { promise: allHere, resolve } = Promise.withResolvers<void>();
  probing = () => {
    if (probes === 8) resolve();
    return allHere;
  };
  const key = randomUUID();
  const answers = await Promise.all(Array.from({ length: 8 }, () => upload('any bytes', key)));
  expect(probes).toBe(8);
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect([await count('audio'), await files()]).toEqual([before[0] + 1, before[1] + 1]);
  const { id } = answers[0]?.json.audio_metadata ?? {};
  expect(await readdir(join(api.folder, id.slice(0, 2)))).toContain(id);
});

test('different uploads under one key at the same instant: one is stored, the others leave nothing', async () => {
  const before = [await count('audio'), await files()] as [number, number];
  const { promise: allHere, resolve } = Promise.withResolvers<void>();
  probing = () => {
    if (probes === 4) resolve();
    return allHere;
  };
  const key = randomUUID();
  const answers = await Promise.all(['a', 'b', 'c', 'd'].map((bytes) => upload(bytes, key)));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
  expect([await count('audio'), await files()]).toEqual([before[0] + 1, before[1] + 1]);
});

test('upload by URL: not downloaded again', async () => {
  const key = randomUUID();
  const body = { audio_url: AUDIO.audio_url };
  const first = await create(body, key, '/v2/upload');
  expect(first.status).toBe(200);
  expect((await create(body, key, '/v2/upload')).text).toBe(first.text);
  expect(fetches).toBe(1);
  expect((await create({ audio_url: `${AUDIO.audio_url}?2` }, key, '/v2/upload')).status).toBe(409);
  expect(fetches).toBe(1);
});

test('an upload that is removed while a job for it is being made: told as what it is', async () => {
  const { json } = await upload('any bytes', randomUUID());
  const answers = await api.db.transaction().execute(async (trx) => {
    await trx.deleteFrom('audio').where('id', '=', json.audio_metadata.id).execute();
    // Seen by the look, gone at the commit.
    const made = create({ audio_url: json.audio_url });
    await waitsForLock();
    return { made };
  });
  expect(await answers.made).toMatchObject({
    status: 400,
    json: {
      validation_errors: ['audio_url must name an uploaded file: there is none with this id'],
    },
  });
});

/** Some statement waits for a lock that another one holds. */
async function waitsForLock(): Promise<void> {
  await eventually(
    async () =>
      (
        await sql<{ pid: number }>`SELECT pid FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`.execute(api.db)
      ).rows.length,
    (waiting) => waiting > 0,
  );
}
