// Every event of a webhook, from the whole program with its real model to real receivers: what arrives, what signs it, whom
// it is about, and that nothing arrives that was not asked for.
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type App, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';
import { type ReceivedRequest, type Receiver, startReceiver } from '../rig/receiver.ts';
import { joined, samplesOf, silence, wav } from '../rig/wav.ts';

const CLIP = new URL('../fixtures/jfk.wav', import.meta.url);
const jfk = readFileSync(CLIP);
const ALL = ['created', 'started', 'success', 'error', 'cancelled'].map((one) => `transcription.${one}`);

let app: App;
let receiver: Receiver;
let made: string[];

beforeAll(async () => {
  app = await startApp({ RINGBACK_WORKERS: '1' });
}, 60_000);
afterAll(() => app.stop());
beforeEach(async () => {
  receiver = await startReceiver();
  made = [];
});
afterEach(async () => {
  for (const id of made) await app.call('DELETE', `/api/webhooks/${id}`);
  // Behind jobs that nobody waits for, the next test's would have to wait.
  const { json } = await app.call('GET', '/v2/pre-recorded?status=queued&status=processing&limit=100');
  for (const { id } of json.items) await app.call('POST', `/api/transcriptions/${id}/cancel`);
  await receiver.close();
});

async function webhook(fields: object = {}): Promise<{ id: string; secret: string }> {
  const { status, json } = await app.call('POST', '/api/webhooks', {
    url: `${receiver.url}/hooks`,
    events: ALL,
    ...fields,
  });
  expect(status, JSON.stringify(json)).toBe(201);
  made.push(json.id);
  return json;
}

async function submit(audio: Buffer, fields: object = {}): Promise<string> {
  const { json: upload } = await app.upload(audio, 'clip.wav');
  const { json } = await app.call('POST', '/v2/pre-recorded', { audio_url: upload.audio_url, ...fields });
  return json.id;
}

const bodyOf = ({ body }: ReceivedRequest) => JSON.parse(body.toString());

/** As handlers are written by hand after the vendor's documentation. */
function handler(request: ReceivedRequest): [event: string, id: string] {
  const payload = bodyOf(request);
  return [payload.event, payload.payload?.id ?? payload.id];
}

test('a job that succeeds is told as created, started and success, beside its own callback, by the notice of the vendor', async () => {
  const own = await startReceiver();
  const { secret } = await webhook();
  const id = await submit(jfk, { callback: true, callback_config: { url: `${own.url}/own` } });
  const seen = await receiver.next(3);
  expect(seen.map(handler).sort()).toEqual(
    [
      ['transcription.created', id],
      ['transcription.started', id],
      ['transcription.success', id],
    ].sort(),
  );
  for (const request of seen) {
    expect(Object.keys(bodyOf(request))).toEqual(['event', 'payload']);
    expect(Object.keys(bodyOf(request).payload)).toEqual(['id']);
    new Webhook(secret).verify(request.body.toString(), request.headers);
    expect(() => new Webhook(app.signingSecret).verify(request.body.toString(), request.headers)).toThrow();
  }
  const [callback] = await own.next();
  new Webhook(app.signingSecret).verify(callback?.body.toString() ?? '', callback?.headers ?? {});
  expect(bodyOf(callback as ReceivedRequest)).toMatchObject({ id, event: 'success' });
  const { json } = await app.call('GET', `/v2/pre-recorded/${id}/callbacks`);
  expect(
    json.items
      .map((one: { event: string; webhook_id: string | null }) => [one.event, one.webhook_id !== null])
      .sort(),
  ).toEqual(
    [
      ['created', true],
      ['started', true],
      ['success', true],
      ['success', false],
    ].sort(),
  );
  await own.close();
}, 60_000);

test('a job that fails is an error, one that is cancelled is cancelled and no error', async () => {
  await webhook({ events: ['transcription.error', 'transcription.cancelled'] });
  const speech = samplesOf(CLIP);
  const long = await submit(wav(joined(speech, silence(1), speech, silence(1), speech)));
  await app.call('POST', `/api/transcriptions/${long}/cancel`);
  const [cancelled] = await receiver.next();
  expect(handler(cancelled as ReceivedRequest)).toEqual(['transcription.cancelled', long]);
  const { json } = await app.call('POST', '/v2/pre-recorded', { audio_url: 'http://127.0.0.1:9/none.wav' });
  const [failed] = await receiver.next();
  expect(handler(failed as ReceivedRequest)).toEqual(['transcription.error', json.id]);
}, 60_000);

test('a transcription that is deleted while it waits is told as cancelled, in full and as a record too', async () => {
  await webhook({ events: ['transcription.cancelled'], payload: 'full', format: 'gladia' });
  await webhook({ events: ['transcription.cancelled'], payload: 'full', format: 'record' });
  const speech = samplesOf(CLIP);
  const long = wav(joined(speech, silence(1), speech, silence(1), speech));
  await submit(long);
  await submit(long);
  const id = await submit(jfk, { custom_metadata: { order: 7 } });
  expect((await app.call('DELETE', `/v2/pre-recorded/${id}`)).status).toBe(202);
  const bodies = (await receiver.next(2)).map(bodyOf);
  expect(bodies).toContainEqual({
    id,
    event: 'transcription.cancelled',
    error: { code: expect.any(Number), message: 'The transcription was deleted before it began.' },
    custom_metadata: { order: 7 },
  });
  expect(bodies).toContainEqual(
    expect.objectContaining({ event: 'cancelled', id, status: 'queued', custom_metadata: { order: 7 } }),
  );
}, 60_000);

test('a filter on metadata lets through the jobs that contain it, compared as lists compare it, and no others', async () => {
  await webhook({ events: ['transcription.created'], metadata: { customer: { tier: 'gold' }, seats: '12' } });
  await submit(jfk);
  await submit(jfk, { custom_metadata: { customer: { tier: 'silver' }, seats: 12 } });
  const id = await submit(jfk, { custom_metadata: { customer: { tier: 'gold', name: 'Ann' }, seats: 12 } });
  const [only] = await receiver.next();
  expect(bodyOf(only as ReceivedRequest)).toEqual({ event: 'transcription.created', payload: { id } });
  expect(receiver.requests).toHaveLength(1);
}, 60_000);

test('what happens while a webhook is paused is not told, then or later', async () => {
  const { id } = await webhook({ events: ['transcription.created'], enabled: false });
  await submit(jfk);
  await app.call('PATCH', `/api/webhooks/${id}`, { enabled: true });
  const after = await submit(jfk);
  const [only] = await receiver.next();
  expect(handler(only as ReceivedRequest)[1]).toBe(after);
  const { json } = await app.call('GET', `/api/callbacks?webhook_id=${id}`);
  expect(json.items).toHaveLength(1);
}, 60_000);

test('with payload full the body is that of a callback, and a receiver that finds it too large gets the reference', async () => {
  receiver.setResponse(({ body }) => ({ status: JSON.parse(body.toString()).payload ? 413 : 200 }));
  // Jobs of other tests may still be running.
  await webhook({ events: ['transcription.success'], payload: 'full', metadata: { order: 'A-17' } });
  const id = await submit(jfk, { custom_metadata: { order: 'A-17' } });
  const [whole, reference] = (await receiver.next(2)).map(bodyOf);
  expect(whole).toMatchObject({ id, event: 'success', custom_metadata: { order: 'A-17' } });
  expect(whole.payload.transcription.full_transcript).toContain('your country');
  expect(reference).toMatchObject({ id, event: 'success', reason: 'payload_too_large' });
  expect(reference.result_url).toBe(`${app.url}/v2/pre-recorded/${id}`);
}, 60_000);

test('two webhooks at one URL are two deliveries with a secret each; one that is deleted hears nothing more', async () => {
  const first = await webhook({ events: ['transcription.created'] });
  const second = await webhook({ events: ['transcription.created'] });
  await submit(jfk);
  const both = await receiver.next(2);
  for (const { secret } of [first, second])
    expect(both.filter(({ body, headers }) => isGenuine(secret, body, headers))).toHaveLength(1);
  expect((await app.call('DELETE', `/api/webhooks/${first.id}`)).status).toBe(204);
  expect((await app.call('GET', `/api/webhooks/${first.id}`)).status).toBe(404);
  await submit(jfk);
  const [after] = await receiver.next();
  expect(isGenuine(second.secret, (after as ReceivedRequest).body, (after as ReceivedRequest).headers)).toBe(
    true,
  );
}, 60_000);

function isGenuine(secret: string, body: Buffer, headers: Record<string, string>): boolean {
  try {
    new Webhook(secret).verify(body.toString(), headers);
    return true;
  } catch {
    return false;
  }
}

test('a receiver that is gone is told of, to others and never to itself', async () => {
  const gone = await startReceiver({ respond: { status: 410 } });
  const events = ['endpoint.disabled', 'transcription.created'];
  await webhook({ url: `${receiver.url}/watch`, events: ['endpoint.disabled'] });
  const itself = await webhook({ url: `${gone.url}/gone?token=s3cret`, events });
  for (let times = 0; times < 3; times++) await submit(jfk);
  const [notice] = await receiver.next();
  expect(bodyOf(notice as ReceivedRequest)).toEqual({
    event: 'endpoint.disabled',
    payload: {
      id: expect.any(String),
      url: `${gone.url}/gone`,
      reason: expect.stringContaining('410'),
      disabled_at: expect.any(String),
    },
  });
  const { json: endpoint } = await app.call(
    'GET',
    `/api/endpoints/${bodyOf(notice as ReceivedRequest).payload.id}`,
  );
  expect(endpoint.health).toBe('disabled');
  const { json } = await app.call('GET', `/api/callbacks?webhook_id=${itself.id}&event=endpoint.disabled`);
  expect(json.items).toEqual([]);
  expect(receiver.requests).toHaveLength(1);
  await gone.close();
}, 60_000);

test('a webhook that is deleted takes along what waits for it', async () => {
  receiver.setResponse({ status: 503 });
  const { id } = await webhook({ events: ['transcription.created'] });
  await submit(jfk);
  await receiver.next();
  const states = async () =>
    (await app.call('GET', `/api/callbacks?webhook_id=${id}`)).json.items.map(
      (one: { state: string; reason: string }) => [one.state, one.reason],
    );
  await eventually(states, ([one]) => one?.[0] === 'pending');
  await app.call('DELETE', `/api/webhooks/${id}`);
  expect(await states()).toEqual([['cancelled', 'its webhook was deleted']]);
}, 60_000);
