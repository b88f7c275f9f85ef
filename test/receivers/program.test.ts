// The whole program with real speech, and the receivers of examples/receivers at the other end.
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { type Example, exampleFile, startExample } from '../rig/example.ts';
import { NGINX, startNginx } from '../rig/nginx.ts';
import { startReceiver } from '../rig/receiver.ts';

let app: App;
let audioUrl: string;
beforeAll(async () => {
  app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny' });
  const clip = await readFile(new URL('../fixtures/jfk.wav', import.meta.url));
  audioUrl = (await app.upload(clip, 'jfk.wav')).json.audio_url;
});
afterAll(() => app.stop());
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function example(name: string): Promise<Example> {
  const started = await startExample(exampleFile(name), {
    secret: app.signingSecret,
    ringbackUrl: app.url,
    apiKey: API_KEY,
  });
  stops.push(() => started.stop());
  return started;
}

async function transcribe(url: string, extra: object = {}, audio_url = audioUrl): Promise<string> {
  const { json } = await app.call('POST', '/v2/pre-recorded', {
    audio_url,
    callback: true,
    callback_config: { url, method: 'POST', ...extra },
  });
  return json.id;
}

const SPOKEN = /ask not what your country can do for you/i;

test.each(['express.mjs', 'python_receiver.py'])(
  '%s: the transcript, whole and by reference',
  async (name) => {
    const receiver = await example(name);
    const full = await transcribe(`${receiver.url}?job=A-17`);
    const reference = await transcribe(receiver.url, { payload: 'reference' });
    // The examples show the beginning of a transcript only.
    expect(await receiver.line(`job=${full}`, 1, 50_000)).toMatch(
      /^success \S+ job=\S+ full: "And so,? my fellow/i,
    );
    expect(await receiver.line(`job=${reference}`, 1, 50_000)).toMatch(/ reference: "And so,? my fellow/i);
    const { json } = await app.call('GET', `/v2/pre-recorded/${full}`);
    expect(json.result.transcription.full_transcript).toMatch(SPOKEN);
  },
);

test('audio that cannot be fetched: the error arrives, as an error', async () => {
  const receiver = await example('fastify.mjs');
  const cdn = await startReceiver({ respond: { status: 404 } });
  stops.push(() => cdn.close());
  const id = await transcribe(receiver.url, {}, `${cdn.url}/call-42.mp3`);
  expect(await receiver.line(`job=${id}`, 1, 50_000)).toMatch(/^error \S+ job=\S+ audio_http_error: .+/);
});

test('NGINX that finds it too large: the receiver behind it fetches the result', async (context) => {
  if (NGINX === null) context.skip('nginx is not installed: apt-get install nginx');
  const receiver = await example('node-http.mjs');
  const nginx = await startNginx({
    upstreamPort: receiver.port,
    edit: [['client_max_body_size 20M;', 'client_max_body_size 1k;']],
  });
  stops.push(() => nginx.stop());
  const id = await transcribe(nginx.url);
  expect(await receiver.line(`job=${id}`, 1, 50_000)).toMatch(/ reference: "And so,? my fellow/i);
  const { json } = await app.call('GET', `/v2/pre-recorded/${id}/callbacks`);
  expect(JSON.stringify(json)).toContain('too_large');
});
