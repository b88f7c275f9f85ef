// One child process (worker.ts) seen from its parent: starts it, hands it one job at a time, watches its memory, and
// turns every way in which it can end into an answer for the job.

import { type ChildProcess, fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { JobError } from '../errors.ts';
import type { ChannelMode } from '../job-options.ts';
import { ShortageError, shortageOf } from '../shortage.ts';
import { tooMuchMemory } from './decoder.ts';
import { ranIntoItsHeap, saysOutOfMemory } from './memory.ts';
import type { ChildSettings, FromChild, Phase, Progress, ToChild, Work } from './messages.ts';
import type { Transcript } from './transcript.ts';

export type ProcessJob = {
  path: string;
  directory: string;
  work: Work;
  /** Of the audio tracks of the file, from 1; null for the default one. */
  track: number | null;
  /** Null: as the sound tells. */
  channels: ChannelMode | null;
  timeoutMs: number;
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
  /** Told once how many bytes of decoded sound there will be in the folder. */
  onNeeds: (bytes: number) => void;
};

/** Only decoding can tell how long the file is. */
export class Unmeasured extends Error {
  readonly code = 'unmeasured';
}

type Running = {
  id: number;
  phase: Phase;
  /** The child has said that it works on it. */
  begun: boolean;
  resolve: (transcript: Transcript) => void;
  reject: (error: unknown) => void;
  /** Set once the job is to stop: what to reject with when it has stopped. */
  stopping: { why: unknown } | null;
  onProgress: (progress: Progress) => void;
  onNeeds: (bytes: number) => void;
};

const MEMORY_POLL_MS = 500;
/** A job that is told to stop has so long before its process is killed. Stopping must take 10 s at most. */
const GRACE_MS = 2000;

export class SpeechProcess {
  readonly #child: ChildProcess;
  readonly #memoryLimitBytes: number;
  readonly #exited: Promise<void>;
  #gone = false;
  #running: Running | null = null;
  #loading: PromiseWithResolvers<string | null> | null = null;
  #nextId = 1;
  #errorText = '';

  constructor(settings: ChildSettings, memoryLimitBytes: number) {
    this.#memoryLimitBytes = memoryLimitBytes;
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#child = fork(new URL(`./worker.${extension}`, import.meta.url), {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {
        // It handles files of strangers: none of the server's secrets.
        ...pick(process.env, ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'LANG', 'LD_LIBRARY_PATH', 'SYSTEMROOT']),
        // Weights in pages of 2 MB where the system has them: the decoder reads all of them for every token.
        GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
      },
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errorText = (this.#errorText + text).slice(-4096);
    });
    this.#child.on('message', (message: FromChild) => this.#receive(message));
    this.#exited = new Promise((done) => {
      const gone = (how: string, cause?: Error) => {
        if (this.#gone) return;
        this.#gone = true;
        this.#onExit(how, cause);
        done();
      };
      this.#child.once('exit', (code, signal) => gone(String(signal ?? code)));
      // Could not be started at all: no 'exit' follows.
      this.#child.once('error', (error) => {
        if (this.#child.pid === undefined) gone(error.message, error);
      });
    });
    this.#send({ type: 'settings', settings });
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Loads the engine ahead of the first job, and tells why it is slow. Rejects with the engine's own sentence. */
  load(): Promise<string | null> {
    if (this.#gone) return Promise.reject(new Error('the speech process has ended'));
    this.#loading ??= Promise.withResolvers<string | null>();
    this.#send({ type: 'load' });
    return this.#loading.promise;
  }

  /** Settles only when the job no longer touches its folder: done, stopped, or its process gone. */
  async run(job: ProcessJob): Promise<Transcript> {
    if (this.#running) throw new Error('the speech process is busy');
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Transcript>();
    const { onProgress, onNeeds } = job;
    this.#running = {
      id,
      phase: 'decoding',
      begun: false,
      resolve,
      reject,
      stopping: null,
      onProgress,
      onNeeds,
    };
    const onAbort = () => this.#stop(job.signal.reason);
    job.signal.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => this.#stop(outOfTime(job.timeoutMs)), job.timeoutMs);
    const poll = setInterval(() => void this.#watchMemory(), MEMORY_POLL_MS);
    try {
      if (this.#gone) this.#onExit('gone');
      else
        this.#send({
          type: 'job',
          id,
          path: job.path,
          directory: job.directory,
          work: job.work,
          track: job.track,
          channels: job.channels,
        });
      if (job.signal.aborted) onAbort();
      return await promise;
    } finally {
      clearTimeout(timer);
      clearInterval(poll);
      job.signal.removeEventListener('abort', onAbort);
      this.#running = null;
    }
  }

  /** Ends the process, at the latest after the grace period. */
  async close(): Promise<void> {
    if (this.#gone) return;
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), GRACE_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  #stop(why: unknown): void {
    const running = this.#running;
    if (!running || running.stopping) return;
    running.stopping = { why };
    this.#send({ type: 'abort', id: running.id });
    const timer = setTimeout(() => {
      if (this.#running === running) this.#child.kill('SIGKILL');
    }, GRACE_MS);
    this.#exited.then(() => clearTimeout(timer));
  }

  #receive(message: FromChild): void {
    if (message.type === 'loaded') this.#loading?.resolve(message.slowBecause);
    if (message.type === 'unloadable') {
      this.#loading?.reject(new Error(message.message, { cause: message.cause }));
      this.#loading = null;
    }
    if (message.type === 'memory') this.#checkMemory(message.rss);
    const running = this.#running;
    if (!running || !('id' in message) || message.id !== running.id) return;
    if (message.type === 'progress') {
      running.begun = true;
      running.phase = message.progress.phase;
      running.onProgress(message.progress);
    } else if (message.type === 'needs') running.onNeeds(message.bytes);
    else if (running.stopping) running.reject(running.stopping.why);
    else if (message.type === 'done') running.resolve(message.transcript);
    else if (message.type === 'unmeasured') running.reject(new Unmeasured());
    else if (message.type === 'failed') {
      running.reject(new JobError(message.code, message.message, { cause: message.cause }));
    } else if (message.type === 'short') {
      const { shortage, suspect } = message;
      running.reject(new ShortageError(shortage, message.message, { suspect }));
    } else running.reject(new JobError('internal', 'The transcription was stopped on the server.'));
  }

  #onExit(how: string, why?: Error): void {
    const said = this.#errorText.trim();
    const cause = new Error(`speech process ended with ${how}: ${said}`, { cause: why });
    this.#loading?.reject(cause);
    const running = this.#running;
    if (!running) return;
    if (running.stopping) running.reject(running.stopping.why);
    else if (running.phase === 'decoding' && how === 'SIGABRT' && ranIntoItsHeap(said))
      running.reject(tooMuchMemory(cause));
    else running.reject(shortOf({ how, said, begun: running.begun }, cause) ?? crashed(running.phase, cause));
  }

  async #watchMemory(): Promise<void> {
    if (process.platform !== 'linux' || this.#gone) return;
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'latin1').catch(() => '');
    const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
    if (kibibytes) this.#checkMemory(Number(kibibytes) * 1024);
  }

  /** No grace here: the next allocation may take the machine down. */
  #checkMemory(rss: number): void {
    const running = this.#running;
    if (!running || rss <= this.#memoryLimitBytes) return;
    running.stopping ??= {
      why:
        running.phase === 'decoding'
          ? tooMuchMemory(`${rss} bytes`)
          : new JobError('engine_failed', 'The speech engine needed more memory than the server allows.', {
              cause: `${rss} bytes`,
            }),
    };
    this.#child.kill('SIGKILL');
  }

  #send(message: ToChild): void {
    // A process that has just gone is answered for by 'exit'.
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}

type Exit = { how: string; said: string; begun: boolean };

/** What was short when a process ended that we did not stop; null where the file in hand is to blame. */
function shortOf({ how, said, begun }: Exit, cause: Error): ShortageError | null {
  const known = shortageOf(cause);
  if (known !== null) return new ShortageError(known, 'The speech process could not be started', { cause });
  const suspect = (shortage: 'memory' | 'processes', what: string) =>
    new ShortageError(shortage, what, { cause, suspect: true });
  if (how === 'SIGKILL') return suspect('memory', 'The speech process was killed from outside');
  if (how === 'SIGABRT' && saysOutOfMemory(said))
    return suspect('memory', 'The speech process found no memory');
  return begun ? null : suspect('processes', 'The speech process ended before it had looked at the file');
}

function crashed(phase: Phase, cause: Error): JobError {
  return phase === 'decoding'
    ? new JobError(
        'audio_corrupt',
        'The decoder crashed on this file, so it is probably damaged. Convert it to WAV or MP3 and send it again.',
        { cause },
      )
    : new JobError('engine_failed', 'The speech engine crashed on this audio. Send it again.', { cause });
}

function outOfTime(timeoutMs: number): JobError {
  return new JobError(
    'engine_timeout',
    `The transcription took longer than the allowed ${Math.round(timeoutMs / 1000)} seconds and was stopped.`,
  );
}

function pick(env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
