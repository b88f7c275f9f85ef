// The child process of the pool: one engine, one job at a time. It goes when its parent goes, at low priority, and
// never talks to the network. Started by speech-process.ts only.

import { setPriority } from 'node:os';
import { JobError } from '../errors.ts';
import { isSuspect, shortageOf } from '../shortage.ts';
import { assemble } from './assemble.ts';
import { type Decoded, decode, measure } from './decode.ts';
import type { Engine, loadEngine } from './engine.ts';
import { hearChannels } from './hearing.ts';
import { saysOutOfMemory } from './memory.ts';
import type { ChildSettings, FromChild, ToChild } from './messages.ts';
import type { Transcript } from './transcript.ts';

const MEMORY_REPORT_MS = 1000;

let settings: ChildSettings | null = null;
let engine: Promise<Engine> | null = null;
let current: { id: number; abort: AbortController } | null = null;

// A parent that was killed -9 cannot say goodbye, but its end of the pipe closes.
process.once('disconnect', () => process.exit(0));
// Ctrl-C and a service manager signal the whole group; the parent drains and then disconnects.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
try {
  // The HTTP side must stay quick while every core transcribes.
  setPriority(10);
} catch {
  // Not allowed in this container: only a courtesy.
}
if (process.platform !== 'linux') {
  setInterval(() => send({ type: 'memory', rss: process.memoryUsage.rss() }), MEMORY_REPORT_MS).unref();
}

process.on('message', (message: ToChild) => {
  if (message.type === 'settings') settings = message.settings;
  else if (message.type === 'load') void load();
  else if (message.type === 'job') void run(message);
  else if (message.type === 'abort' && current?.id === message.id) current.abort.abort();
});

async function load(): Promise<void> {
  try {
    const { slowBecause } = await theEngine();
    send({ type: 'loaded', slowBecause });
  } catch (error) {
    send({ type: 'unloadable', message: messageOf(error), cause: inFull(error) });
  }
}

function theEngine(): Promise<Engine> {
  const { model, cacheDirectory, engineModule } = known();
  engine ??= (async () => {
    const module = (await import(engineModule)) as { loadEngine: typeof loadEngine };
    return module.loadEngine({ model, cacheDirectory, threads: 1 });
  })();
  // A failed load is tried again by the next job.
  engine.catch(() => {
    engine = null;
  });
  return engine;
}

type Job = Extract<ToChild, { type: 'job' }>;

async function run(job: Job): Promise<void> {
  const abort = new AbortController();
  current = { id: job.id, abort };
  try {
    if (job.work === 'measure') {
      measureJob(job);
      return;
    }
    const speech = { heard: 0, unheard: 0 };
    const decoded = await decodeJob(job, abort.signal);
    if (job.work === 'decode') return send({ type: 'done', id: job.id, transcript: withoutWords(decoded) });
    progress(job.id, 'recognising', 0);
    const loaded = await theEngine().catch((error) => {
      throw new JobError('engine_failed', 'The speech model could not be loaded on the server.', {
        cause: error,
      });
    });
    const distinct = await hearChannels(decoded.distinct, {
      engine: loaded,
      mode: job.channels,
      channels: decoded.channels,
      signal: abort.signal,
      onSpeech: (seconds, words) => {
        speech[words > 0 ? 'heard' : 'unheard'] += seconds;
      },
      onProgress: (fraction) => progress(job.id, 'recognising', fraction),
    });
    const { durationSeconds: audioDuration, channels } = decoded;
    send({ type: 'done', id: job.id, transcript: assemble({ audioDuration, channels, distinct, speech }) });
  } catch (error) {
    if (abort.signal.aborted) send({ type: 'stopped', id: job.id });
    else send({ id: job.id, ...asFailure(error) });
  } finally {
    current = null;
  }
}

function measureJob({ id, path }: Job): void {
  const measured = measure(path, known().maxDurationSeconds);
  if (measured === null) send({ type: 'unmeasured', id });
  else send({ type: 'done', id, transcript: withoutWords({ ...measured, distinct: [] }) });
}

function decodeJob(job: Job, signal: AbortSignal) {
  const { ffmpeg, maxDurationSeconds, decodeTimeoutMs } = known();
  progress(job.id, 'decoding', 0);
  return decode({
    path: job.path,
    scratchDirectory: job.directory,
    ffmpeg,
    maxDurationSeconds,
    timeoutMs: decodeTimeoutMs,
    track: job.track,
    signal,
    onProgress: (seconds, of) => {
      progress(job.id, 'decoding', of === null ? null : Math.min(1, seconds / of));
    },
    onNeeds: (bytes) => send({ type: 'needs', id: job.id, bytes }),
  });
}

function withoutWords({
  durationSeconds,
  channels,
  distinct,
}: Pick<Decoded, 'durationSeconds' | 'channels' | 'distinct'>): Transcript {
  return {
    audioDuration: durationSeconds,
    channels,
    distinctChannels: distinct.length,
    utterances: [],
  };
}

type Failed = Omit<Extract<FromChild, { type: 'failed' }>, 'id'>;
type Short = Omit<Extract<FromChild, { type: 'short' }>, 'id'>;

function asFailure(error: unknown): Failed | Short {
  const shortage = shortageOf(error);
  const message = withCauses(error);
  if (shortage !== null) return { type: 'short', shortage, suspect: isSuspect(error), message };
  const isEngines = !(error instanceof JobError) || error.code === 'engine_failed';
  // The engine has no code for it.
  if (isEngines && saysOutOfMemory(message))
    return { type: 'short', shortage: 'memory', suspect: true, message };
  if (error instanceof JobError)
    return { type: 'failed', code: error.code, message: error.message, cause: inFull(error.cause) };
  return {
    type: 'failed',
    code: 'engine_failed',
    message: 'The speech engine failed on this audio.',
    cause: inFull(error),
  };
}

function known(): ChildSettings {
  if (!settings) throw new Error('no settings yet');
  return settings;
}

function progress(id: number, phase: 'decoding' | 'recognising', fraction: number | null): void {
  send({ type: 'progress', id, progress: { phase, fraction } });
}

function send(message: FromChild): void {
  // The parent may go at any instant; 'disconnect' then ends this process.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function withCauses(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${withCauses(error.cause)}` : '';
  return `${messageOf(error)}${cause}`;
}

function inFull(error: unknown): string {
  if (error === undefined) return '';
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
