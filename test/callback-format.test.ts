// RINGBACK_CALLBACK_FORMAT=gladia beside the default, through the whole program: the same jobs, and bodies that differ
// in the event's name and in the error's code alone.
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { createClient } from '../src/client/client.ts';
import type { CallbackFormat } from '../src/delivery.ts';
import { JOB_ERRORS } from '../src/errors.ts';
import { API_KEY, startApp } from './rig/app.ts';
import { startReceiver } from './rig/receiver.ts';

const clip = readFileSync(new URL('./fixtures/speech/all-circuits-busy-now.wav', import.meta.url));

// biome-ignore lint/suspicious/noExplicitAny: bodies are what the test is about; it asserts their shape
type Body = any;

/** The bodies of a success, of the same by reference, and of an error, and the record of the first. */
async function bodiesIn(format: CallbackFormat | undefined): Promise<{ bodies: Body[]; record: Body }> {
  const app = await startApp({
    RINGBACK_MODEL: 'moonshine-tiny',
    RINGBACK_WORKERS: '1',
    ...(format && { RINGBACK_CALLBACK_FORMAT: format }),
  });
  const receiver = await startReceiver();
  try {
    const client = createClient({ url: app.url, key: API_KEY });
    const { audio_url } = await client.audio.upload(new Blob([clip]));
    const config = { url: `${receiver.url}/hooks` };
    const custom_metadata = { order: 'A-17' };
    const bodies: Body[] = [];
    let first = '';
    for (const request of [
      { audio_url, callback_config: config, custom_metadata },
      { audio_url, callback_config: { ...config, payload: 'reference' as const } },
      { audio_url: `${app.url}/our-own-address.wav`, callback_config: config, custom_metadata },
    ]) {
      const { id } = await client.transcriptions.create({ ...request, callback: true });
      first ||= id;
      const [told] = await receiver.next();
      // Whatever the words, it is signed alike.
      new Webhook(app.signingSecret).verify(String(told?.body), told?.headers ?? {});
      const text = String(told?.body).replaceAll(id, '<id>').replaceAll(app.url, '<url>');
      bodies.push(JSON.parse(text));
    }
    return { bodies, record: await client.transcriptions.get(first) };
  } finally {
    await receiver.close();
    await app.stop();
  }
}

test('gladia: dotted events and integer codes; everything else is equal', async () => {
  const short = await bodiesIn(undefined);
  const gladia = await bodiesIn('gladia');

  expect(short.bodies.map(({ event }) => event)).toEqual(['success', 'success', 'error']);
  expect(gladia.bodies.map(({ event }) => event)).toEqual([
    'transcription.success',
    'transcription.success',
    'transcription.error',
  ]);
  expect(short.bodies[2].error.code).toBe('audio_blocked_address');
  expect(gladia.bodies[2].error.code).toBe(JOB_ERRORS.audio_blocked_address.integer);
  for (const { bodies, record } of [short, gladia]) expect(bodies[0].payload).toEqual(record.result);

  // Two runs of one job: the time it took is theirs alone, and so is the length of what holds it.
  const common = (body: Body) => {
    const copy = structuredClone(body);
    copy.event = copy.event.replace('transcription.', '');
    if (copy.error) copy.error.code = 0;
    if (copy.payload) copy.payload.metadata.transcription_time = 0;
    if (copy.payload_bytes) copy.payload_bytes = 0;
    return copy;
  };
  expect(gladia.bodies.map(common)).toEqual(short.bodies.map(common));
  expect(gladia.bodies.map((body) => Object.keys(body))).toEqual(
    short.bodies.map((body) => Object.keys(body)),
  );
}, 300_000);
