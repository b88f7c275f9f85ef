// `ringback demo`: the main job, start to finish, on a temporary folder: everything real, nothing left behind.
// Exits 0 only when the words are right, the callback came, and its signature is valid.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { type CallbackBody, type Client, createClient } from '../client/client.ts';
import { createLog } from '../log.ts';
import { startRingback } from '../main.ts';
import { readSettings } from '../settings.ts';
import { interrupted } from './ended.ts';
import { CLIP, START } from './program.ts';
import { formatCallback, type ReceivedCallback, startReceiver } from './receiver.ts';

const WORDS =
  'and so my fellow americans ask not what your country can do for you ask what you can do for your country';
const PATIENCE_MS = 120_000;

export function demoCommand(): Command {
  return new Command('demo')
    .description('run the main job once on a bundled clip: submit, transcribe, call back, verify')
    .action(demo);
}

async function demo(): Promise<void> {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const folder = await mkdtemp(join(tmpdir(), 'ringback-demo-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const ending = new AbortController();
  const ended = Promise.withResolvers<never>();
  ending.signal.addEventListener('abort', () => ended.reject(ending.signal.reason));
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => ending.abort(interrupted(signal)));
  try {
    await Promise.race([run(folder, stops, say, ending.signal), ended.promise]);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
  say(`\nEverything is shut down again. Start your own with: ${START}`);
}

async function run(
  folder: string,
  stops: (() => Promise<unknown>)[],
  say: (line: string) => void,
  ending: AbortSignal,
): Promise<void> {
  say('Starting Ringback on a temporary folder: PostgreSQL, the speech model, the API…');
  const starting = startRingback(
    readSettings({
      RINGBACK_DATA_DIR: folder,
      RINGBACK_PORT: '0',
      RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
      RINGBACK_LOG_LEVEL: 'warn',
    }),
    createLog('warn'),
  );
  // Interrupted while it starts, it is stopped once it has started: PostgreSQL would go on in a folder that is gone.
  stops.push(() => starting.then(({ stop }) => stop(), startFailed));
  const { url, createdKey } = await starting;
  // What is started from here on would be stopped by nobody.
  ending.throwIfAborted();
  if (url === null || createdKey === null) throw new Error('the server started without an address or a key');
  const client = createClient({ url, key: createdKey });

  const [signs] = await client.signingSecrets.list();
  ending.throwIfAborted();
  const came = Promise.withResolvers<ReceivedCallback>();
  const receiver = await startReceiver({
    port: 0,
    secret: signs?.secret ?? null,
    status: 200,
    onCallback: came.resolve,
  });
  stops.push(() => receiver.close());

  const upload = await client.audio.upload(CLIP);
  say(`POST /v2/upload         200  ${upload.audio_url}`);

  const { id } = await client.transcriptions.create({
    audio_url: upload.audio_url,
    callback: true,
    callback_config: { url: `${receiver.url}/hooks/stt?job=demo`, method: 'POST' },
    custom_metadata: { order: 'A-17' },
  });
  say(`POST /v2/pre-recorded   201  ${id}`);
  const callback = await waitFor(came.promise, client, id);

  say('\nThe callback, as it arrived:\n');
  say(formatCallback(callback).replaceAll(/^/gm, '  '));
  if (callback.signature?.ok !== true) throw new Error('the signature of the callback is not valid');

  const record = await client.transcriptions.get(id);
  const told = JSON.parse(callback.body) as CallbackBody;
  const transcript = 'payload' in told ? told.payload.transcription.full_transcript : '';
  say(`\nTranscript: ${transcript}`);
  if (record.status !== 'done' || told.id !== id) throw new Error('the job did not end as done');
  const heard = transcript.toLowerCase().replaceAll(/[^a-z' ]/g, '');
  if (heard !== WORDS) throw new Error(`the transcript is wrong: expected "${WORDS}"`);
}

/** The demo itself has failed with it already. */
const startFailed = (): void => {};

/** Shows the job's state while it waits, on one line where the output is a terminal. */
async function waitFor(
  came: Promise<ReceivedCallback>,
  client: Client,
  id: string,
): Promise<ReceivedCallback> {
  const started = performance.now();
  for (;;) {
    const tick = new Promise<null>((resolve) => setTimeout(resolve, 500, null));
    const callback = await Promise.race([came, tick]);
    const elapsed = (performance.now() - started) / 1_000;
    const state = callback ? 'called back' : (await client.transcriptions.get(id)).status;
    const line = `waiting for the callback ${elapsed.toFixed(1)} s  ${state}`;
    if (process.stdout.isTTY) process.stdout.write(`\r${line.padEnd(60)}${callback ? '\n' : ''}`);
    else process.stdout.write(`${line}\n`);
    if (callback) return callback;
    if (elapsed * 1_000 > PATIENCE_MS) throw new Error(`no callback came within ${PATIENCE_MS / 1_000} s`);
  }
}
