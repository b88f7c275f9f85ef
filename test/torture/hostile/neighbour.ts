// One account fills everything it can: audio hosts that drip, hundreds of jobs, uploads that claim to be hours, callbacks to
// a host that hangs. What another account waits meanwhile, beside what it waits alone.
import type { Account, Ground } from './ground.ts';

export type NeighbourOptions = { drips: number; jobs: number; callbacks: number; uploads: number };

/** Milliseconds, of the other account. */
export type NeighbourFigures = {
  /** From the request to the callback of a few words. */
  transcription_alone_ms: number;
  transcription_beside_ms: number;
  /** The slowest of ten callbacks, from the request. */
  callback_alone_ms: number;
  callback_beside_ms: number;
  /** An upload of a few words. */
  upload_alone_ms: number;
  upload_beside_ms: number;
};

const LOST_MS = 120_000;
let number = 0;

async function submit(account: Account, audioUrl: string, hook: string): Promise<void> {
  const { status, text } = await account.call('POST', '/v2/pre-recorded', {
    audio_url: audioUrl,
    callback: true,
    callback_config: { url: hook },
  });
  if (status !== 201) throw new Error(`a job was refused with ${status}: ${text}`);
}

/** Milliseconds from the request to the callback. */
async function calledBack({ far, victim }: Ground, audio: 'clip' | 'missing'): Promise<number> {
  const path = `/well/${number++}`;
  const since = performance.now();
  await submit(victim, `${far.url}/${audio}`, far.url + path);
  return Math.round((await far.arrived(path, LOST_MS)) - since);
}

async function slowestOfTen(ground: Ground): Promise<number> {
  const waits: number[] = [];
  for (let n = 0; n < 10; n++) waits.push(await calledBack(ground, 'missing'));
  return Math.max(...waits);
}

async function uploaded({ victim, clip }: Ground): Promise<number> {
  const since = performance.now();
  const { status, text } = await victim.upload(clip, 'clip.wav');
  if (status !== 200) throw new Error(`an upload was refused with ${status}: ${text}`);
  return Math.round(performance.now() - since);
}

/** A WAV of 35 kB that claims to be 9.9 hours at one sample a second. */
function absurd(): Buffer {
  const data = 35_640;
  const file = Buffer.alloc(44 + data);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + data, 4);
  file.write('WAVEfmt ', 8);
  for (const [at, value] of [
    [16, 16],
    [24, 1],
    [28, 1],
    [40, data],
  ] as const)
    file.writeUInt32LE(value, at);
  for (const [at, value] of [
    [20, 1],
    [22, 1],
    [32, 1],
    [34, 8],
  ] as const)
    file.writeUInt16LE(value, at);
  file.write('data', 36);
  return file;
}

export async function neighbour(ground: Ground, options: NeighbourOptions): Promise<NeighbourFigures> {
  const { far, attacker } = ground;
  // The first loads the model.
  await calledBack(ground, 'clip');
  const alone = {
    transcription_alone_ms: await calledBack(ground, 'clip'),
    callback_alone_ms: await slowestOfTen(ground),
    upload_alone_ms: await uploaded(ground),
  };
  for (let n = 0; n < options.drips; n++)
    await submit(attacker, `${far.url}/drip/${n}`, `${far.url}/dripped`);
  for (let n = 0; n < options.jobs; n++) await submit(attacker, `${far.url}/clip/${n}`, `${far.url}/quick`);
  const transcription_beside_ms = await calledBack(ground, 'clip');
  for (let n = 0; n < options.callbacks; n++)
    await submit(attacker, `${far.url}/missing/${n}`, `${far.url}/hang/${n}`);
  const callback_beside_ms = await slowestOfTen(ground);
  const file = absurd();
  const uploads = Array.from({ length: options.uploads }, () =>
    attacker.upload(file, 'absurd.wav').catch(() => null),
  );
  const upload_beside_ms = await uploaded(ground);
  await Promise.all(uploads);
  return { ...alone, transcription_beside_ms, callback_beside_ms, upload_beside_ms };
}
