// What webhooks are owed when a process is killed, and when a commit fails: all of it or none.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { finishJob, handBackJob, startJob } from '../../src/store/jobs.ts';
import { renderEnd } from '../../src/transcribe/callback.ts';
import { startApi } from '../rig/api.ts';
import { eventually } from '../rig/eventually.ts';
import { serve } from '../rig/process.ts';
import { startReceiver } from '../rig/receiver.ts';

const jfk = readFileSync(new URL('../fixtures/jfk.wav', import.meta.url));

test('killed while webhook receivers hold their requests: after the next start each has every event, with the same id', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-webhooks-'));
  const receiver = await startReceiver({ respond: () => new Promise(() => {}) });
  let server = await serve(folder);
  try {
    const events = ['created', 'started', 'success'].map((one) => `transcription.${one}`);
    for (const path of ['/one', '/two'])
      await server.call('POST', '/api/webhooks', { url: `${receiver.url}${path}`, events });
    const upload = await server.upload(jfk, 'clip.wav');
    const { json } = await server.call('POST', '/v2/pre-recorded', { audio_url: upload.json.audio_url });
    const held = await receiver.next(6);
    server.child.kill('SIGKILL');
    await server.exited;
    receiver.setResponse({ status: 200 });
    server = await serve(folder);
    const again = await receiver.next(6);
    const idsOf = (requests: typeof held) => requests.map(({ headers }) => headers['webhook-id']).sort();
    expect(new Set(idsOf(held)).size).toBe(6);
    expect(idsOf(again)).toEqual(idsOf(held));
    const { json: list } = await eventually(
      () => server.call('GET', `/v2/pre-recorded/${json.id}/callbacks`),
      (answer) => answer.json.items.every(({ state }: { state: string }) => state === 'delivered'),
    );
    expect(list.items).toHaveLength(6);
  } finally {
    server.child.kill('SIGTERM');
    await server.exited;
    await receiver.close();
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);

test('the end of a job and all its deliveries are one transaction: where the second of them cannot be written there is none', async () => {
  const api = await startApi();
  try {
    for (const path of ['one', 'two'])
      await api.call({
        method: 'POST',
        url: '/api/webhooks',
        body: { url: `https://a.example.org/${path}`, events: ['transcription.error'] },
      });
    const { json } = await api.call({
      method: 'POST',
      url: '/v2/pre-recorded',
      body: { audio_url: 'https://cdn.example.org/a.mp3' },
    });
    const job = await startJob(api.db, json.id, 60_000);
    if (!job) throw new Error('not started');
    const settings = {
      format: 'short',
      publicUrl: () => 'https://stt.example.org',
      firstWaitMs: () => 0,
    } as const;
    const error = { code: 'audio_empty', message: 'so' } as const;
    const rendered = renderEnd(settings, job, { error });
    const ending = { filename: null, duration: null, channels: null, error };
    let opened = 0;
    const breaking: typeof rendered.forWebhook = (subscriber) => {
      opened += 1;
      // A row that the database refuses.
      return { ...rendered.forWebhook(subscriber), ...(opened === 2 && { method: 'GET' as 'POST' }) };
    };
    const broken = finishJob(api.db, job.id, job.run, { ending, ...rendered, forWebhook: breaking });
    await expect(broken).rejects.toThrow(/delivery_method_check/);
    const look = async () => [
      (await api.call({ url: `/v2/pre-recorded/${job.id}` })).json.status,
      (await api.call({ url: '/api/callbacks' })).json.items.length,
    ];
    expect(await look()).toEqual(['processing', 0]);
    expect(await finishJob(api.db, job.id, job.run, { ending, ...rendered })).toBe('written');
    expect(await finishJob(api.db, job.id, job.run, { ending, ...rendered })).toBe('already');
    expect(await look()).toEqual(['error', 2]);
  } finally {
    await api.stop();
  }
});

test('a job that is put back and begins again is told as started once, and one made twice under a key as created once', async () => {
  const api = await startApi();
  try {
    await api.call({
      method: 'POST',
      url: '/api/webhooks',
      body: {
        url: 'https://a.example.org/hooks',
        events: ['transcription.created', 'transcription.started'],
      },
    });
    const submit = () =>
      api.call({
        method: 'POST',
        url: '/v2/pre-recorded',
        body: { audio_url: 'https://cdn.example.org/a.mp3' },
        headers: { 'idempotency-key': 'once' },
      });
    const { json } = await submit();
    expect((await submit()).json.id).toBe(json.id);
    for (const run of [1, 2]) {
      const job = await startJob(api.db, json.id, 60_000);
      expect(job?.run).toBe(run);
      await handBackJob(api.db, { id: json.id, run });
    }
    const { items } = (await api.call({ url: '/api/callbacks' })).json;
    expect(items.map(({ event }: { event: string }) => event).sort()).toEqual(['created', 'started']);
  } finally {
    await api.stop();
  }
});
