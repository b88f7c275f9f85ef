// The HTTP side as the whole program wires it: settings, the listening connection, stopping. No transcriptions are run.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';

let app: App;
let stopped = false;
beforeAll(async () => {
  app = await startApp({
    RINGBACK_ROLE: 'api',
    RINGBACK_MAX_QUEUED_JOBS: '2',
    RINGBACK_MAX_EVENT_STREAMS: '1',
    RINGBACK_MAX_REQUEST_BYTES: '2KB',
    RINGBACK_MAX_REQUESTS_PER_MINUTE: '1000',
  });
});
afterAll(async () => {
  if (!stopped) await app.stop();
});

test('limits come from settings, events and figures from the database, and stopping answers who waits', async () => {
  const headers = { 'x-gladia-key': API_KEY };
  const body = { audio_url: 'https://cdn.example.org/a.mp3' };
  const stream = await fetch(`${app.url}/api/events`, { headers });
  expect([stream.status, stream.headers.get('x-ratelimit-limit')]).toEqual([200, '1000']);
  expect((await app.call('GET', '/api/events')).status).toBe(429);
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  let heard = '';
  const reading = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard += Buffer.from(value).toString();
    }
  })();

  const made = await app.call('POST', '/v2/pre-recorded', body);
  await eventually(
    () => heard,
    (text) => text.includes(`data: {"id":"${made.json.id}","status":"queued"}`),
  );
  await app.call('POST', '/v2/pre-recorded', body);
  expect((await app.call('POST', '/v2/pre-recorded', body)).status).toBe(429);
  expect((await app.call('POST', '/v2/pre-recorded', { ...body, x: 'x'.repeat(2_000) })).status).toBe(413);

  const waiting = app.call('GET', `/v2/pre-recorded/${made.json.id}?wait=60`);
  const metrics = await eventually(
    async () => (await fetch(`${app.url}/metrics`)).text(),
    (text) =>
      text.includes('ringback_waiting_requests 1') && text.includes('ringback_jobs{state="queued"} 2'),
  );
  expect(metrics).toContain('ringback_queue_depth 2');
  expect(metrics).toContain('ringback_event_streams 1');
  const began = performance.now();
  const stopping = app.stop();
  stopped = true;
  expect((await waiting).json).toMatchObject({ id: made.json.id, status: 'queued' });
  await reading;
  await stopping;
  expect(performance.now() - began).toBeLessThan(10_000);
});
