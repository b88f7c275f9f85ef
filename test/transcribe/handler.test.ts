// A job's end, on a real database; downloading, recognition and add-ons stand outside.
import { readdir } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import type { Started } from '../../src/store/jobs.ts';
import { startNext } from '../../src/store/next-job.ts';
import { type HandlerDeps, handleJob } from '../../src/transcribe/handler.ts';
import { HeldRuns, JOB_LEASE_MS } from '../../src/transcribe/held-runs.ts';
import { type Api, startApi } from '../rig/api.ts';
import { handlerDeps, submitWithCallback, transcriptOf } from '../rig/handler.ts';

let api: Api;
let logged: { level: number; msg: string; err?: { message: string; stack?: string } }[];
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());
beforeEach(() => {
  logged = [];
});

const never = new AbortController().signal;

type Options = { request?: object; addons?: HandlerDeps['addons']; transcribe?: HandlerDeps['transcribe'] };

async function run(options: Options = {}): Promise<string> {
  const id = await submitWithCallback(api, { custom_metadata: { order: 'Ä-17' }, ...options.request });
  const log = createLog(
    'trace',
    new Writable({
      write(line, _encoding, done) {
        logged.push(JSON.parse(String(line)));
        done();
      },
    }),
  );
  const runs = new HeldRuns(api.db, log);
  const { audio, db } = api;
  const deps = handlerDeps({
    db,
    audio,
    runs,
    log,
    transcribe: options.transcribe ?? (async () => transcriptOf('Grüße an 東京. 😀 Bye.')),
    ...(options.addons && { addons: options.addons }),
  });
  // The download, then the transcription.
  for (const stage of ['fetch', 'transcribe'] as const) {
    const job = await startNext(api.db, stage, { leaseMs: JOB_LEASE_MS, most: null, full: [] });
    await handleJob(deps, job as Started, never);
  }
  await runs.stop();
  return id;
}

const deliveryOf = (id: string) =>
  api.db
    .selectFrom('delivery')
    .select(['event', 'full_body', 'reference_body'])
    .where('job_id', '=', id)
    .executeTakeFirstOrThrow();
const filesKept = async () =>
  (await readdir(api.folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
    .length;

test('the payload of the callback is the result, byte for byte', async () => {
  const id = await run({
    request: { sentences: true, subtitles: true, subtitles_config: { formats: ['srt', 'vtt'] } },
  });
  const { text } = await api.call({ url: `/v2/pre-recorded/${id}` });
  const result = /,"result":(\{.*\})\}$/s.exec(text)?.[1] as string;
  expect(JSON.parse(result).transcription).toMatchObject({
    full_transcript: 'Grüße an 東京. 😀 Bye.',
    sentences: [{ results: [{ sentence: 'Grüße an 東京.' }, { sentence: '😀 Bye.' }] }],
  });
  const { full_body, reference_body } = await deliveryOf(id);
  expect(full_body?.toString()).toBe(
    `{"id":"${id}","event":"success","payload":${result},"custom_metadata":{"order":"Ä-17"}}`,
  );
  expect(JSON.parse(String(reference_body))).toMatchObject({ payload_bytes: Buffer.byteLength(result) });
});

test('the track and the channels that a request chooses are those that are transcribed', async () => {
  const heard: unknown[] = [];
  const transcribe: HandlerDeps['transcribe'] = async (_path, _signal, _account, how) => {
    heard.push(how);
    return transcriptOf('Hello.');
  };
  for (const [audio_track, channels] of [
    [2, 'mono'],
    [null, null],
  ])
    await run({ request: { audio_track, channels }, transcribe });
  await run({ transcribe });
  expect(heard).toEqual([
    { track: 2, channels: 'mono' },
    { track: null, channels: null },
    { track: null, channels: null },
  ]);
});

test('numbers of the request are passed on as they were written, and counted with as numbers', async () => {
  const metadata = { order: JSON.rawJSON('9007199254740993'), price: JSON.rawJSON('19.90') };
  const id = await run({
    request: {
      custom_metadata: metadata,
      subtitles: true,
      subtitles_config: {
        minimum_duration: JSON.rawJSON('1.0'),
        maximum_rows_per_caption: JSON.rawJSON('1e0'),
      },
    },
    addons: async (utterances) => ({
      utterances,
      envelopes: {
        structured_data_extraction: {
          ...{ success: true, is_empty: false, exec_time: 0, error: null },
          results: { order: [JSON.rawJSON('12345678901234567890')] },
        },
      },
    }),
  });
  const { text } = await api.call({ url: `/v2/pre-recorded/${id}` });
  const { full_body, reference_body } = await deliveryOf(id);
  for (const body of [text, String(full_body), String(reference_body)])
    expect(body).toContain('"custom_metadata":{"order":9007199254740993,"price":19.90}');
  for (const body of [text, String(full_body)])
    expect(body).toContain('"results":{"order":[12345678901234567890]}');
  expect(JSON.parse(text).result.transcription.subtitles[0].subtitles).toContain('00:00:0');
});

test('`transcription_time` counts from the request to the end', async () => {
  const id = await run();
  const { json } = await api.call({ url: `/v2/pre-recorded/${id}` });
  const whole = (Date.parse(json.completed_at) - Date.parse(json.created_at)) / 1_000;
  expect(json.result.metadata.transcription_time).toBeGreaterThan(0);
  expect(json.result.metadata.transcription_time).toBeLessThanOrEqual(whole + 0.1);
});

test('a result that cannot be written ends the job at once, with its callback, and is no database that is away', async () => {
  const before = await filesKept();
  const id = await run({
    addons: async (utterances) => ({
      utterances,
      envelopes: {
        summarization: { success: true, is_empty: false, exec_time: 0, error: null, results: 1n },
      },
    }),
  });
  const job = await api.db.selectFrom('job').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  expect(job).toMatchObject({ state: 'error', error_code: 'internal', run: 2, result: null });
  const { event, full_body } = await deliveryOf(id);
  expect(event).toBe('error');
  expect(JSON.parse(String(full_body))).toMatchObject({ error: { code: 'internal' } });
  const troubles = logged.filter(({ level }) => level >= 40);
  expect(troubles).toMatchObject([
    { msg: 'job failed inside Ringback', err: { message: expect.stringContaining('BigInt') } },
  ]);
  expect(troubles[0]?.err?.stack).toContain('transcribe/json.ts');
  expect(await filesKept()).toBe(before);
});
