// Transcribes files in child processes, a fixed number at a time, so that a crash, a hang or a hostile file costs one
// job and never the server. Owns the queue and the processes; knows nothing of jobs in a database.

import type { ChannelMode } from '../job-options.ts';
import type { Phase, Progress, Work } from './messages.ts';
import { makeJobFolder, removeJobFolder, removeLeftovers } from './scratch.ts';
import { ScratchUse } from './scratch-use.ts';
import { SpeechProcess, Unmeasured } from './speech-process.ts';
import type { Transcript } from './transcript.ts';

export type { Phase, Progress };

export type SpeechPoolOptions = {
  /** Transcriptions at a time; a process each. */
  size: number;
  model: string;
  cacheDirectory: string;
  /** Where decoded audio lies while a job runs: 115 MB for an hour of each distinct channel. */
  scratchDirectory: string;
  /** Path of ffmpeg, or null to decode without it. */
  ffmpeg: string | null;
  maxDurationSeconds: number;
  /** Resident memory at which a process is stopped; 3 GiB by default. */
  memoryLimitBytes?: number;
  /** Time for decoding one file; 15 minutes by default (ten hours of audio take about two). */
  decodeTimeoutMs?: number;
  /** Decoded sound of one account at a time; 8 GiB by default. */
  accountScratchBytes?: number;
  /** Module with `loadEngine`, in place of engine.ts: for tests of what a failing engine does to its job. */
  engineModule?: URL;
};

export type TranscribeJob = {
  path: string;
  /** Whose decoded sound it will be. */
  account?: string;
  /** Of the audio tracks of the file, from 1; the default one where none is given. */
  track?: number | null;
  /** Mixed down to one or each by itself; as the sound tells where it is not given. */
  channels?: ChannelMode | null;
  onProgress?: (progress: Progress) => void;
  /** Ends the job within seconds; the promise rejects with the reason of the signal. */
  signal?: AbortSignal;
  /** The whole job, from decoding to the last word; 6 hours by default. */
  timeoutMs?: number;
};

export type SpeechPool = {
  readonly size: number;
  /** Jobs that would start at once if they came now. */
  readonly free: number;
  /** Starts every process and loads its engine. Rejects with the engine's sentence when it cannot be loaded. */
  ready(): Promise<void>;
  /** Starts one process and loads its engine, as proof that it can be; tells why it is slow. Rejects as `ready`. */
  check(): Promise<string | null>;
  /** Waits for a free process, first come first served. Rejects with JobError or the reason of the signal. */
  transcribe(job: TranscribeJob): Promise<Transcript>;
  /** Seconds and channels of a file, by decoding it. Errors as above. */
  probe(job: Omit<TranscribeJob, 'onProgress'>): Promise<Length>;
  /** The same from the container, in milliseconds; null where only decoding can tell. Errors as above. */
  measure(job: Omit<TranscribeJob, 'onProgress'>): Promise<Length | null>;
  /** Accounts whose decoded sound takes all the room in the scratch folder that one account may take. */
  withoutRoom(): string[];
  /** Stops what runs and what waits, ends the processes. At most about 5 s. */
  close(): Promise<void>;
};

export type Length = { durationSeconds: number; channels: number };

const DEFAULT_MEMORY_LIMIT = 3 * 2 ** 30;
const DEFAULT_DECODE_TIMEOUT_MS = 15 * 60_000;
const DEFAULT_TIMEOUT_MS = 6 * 3_600_000;

/** Starts nothing but the removal of what killed processes left in the scratch folder. */
export function createSpeechPool(options: SpeechPoolOptions): SpeechPool {
  return new Pool(options);
}

class Pool implements SpeechPool {
  readonly #options: SpeechPoolOptions;
  /** One place per process; null until it is needed, and again after it died. */
  readonly #processes: (SpeechProcess | null)[];
  readonly #idle: number[];
  readonly #waiting: ((slot: number) => void)[] = [];
  readonly #closing = new AbortController();
  /** Folders that could not be removed when their job ended: it is tried again. */
  readonly #left = new Set<string>();
  #cleaned = false;
  readonly #jobs = new Set<Promise<unknown>>();
  readonly #scratch: ScratchUse;

  constructor(options: SpeechPoolOptions) {
    if (!Number.isInteger(options.size) || options.size < 1) throw new RangeError('size must be at least 1');
    this.#options = options;
    this.#scratch = new ScratchUse(options.accountScratchBytes);
    this.#processes = Array.from({ length: options.size }, () => null);
    this.#idle = Array.from({ length: options.size }, (_, slot) => slot);
    // What fails here is tried again before a job, which then says why.
    this.#clean().catch(() => {});
  }

  get size(): number {
    return this.#options.size;
  }

  get free(): number {
    return this.#closing.signal.aborted ? 0 : this.#idle.length;
  }

  async ready(): Promise<void> {
    this.#closing.signal.throwIfAborted();
    await this.#clean();
    await Promise.all(this.#processes.map((_, slot) => this.#process(slot).load()));
  }

  async check(): Promise<string | null> {
    this.#closing.signal.throwIfAborted();
    return this.#process(0).load();
  }

  transcribe(job: TranscribeJob): Promise<Transcript> {
    return this.#tracked(this.#run(job, 'recognise'));
  }

  async probe(job: TranscribeJob): Promise<Length> {
    return lengthOf(await this.#tracked(this.#run(job, 'decode')));
  }

  async measure(job: TranscribeJob): Promise<Length | null> {
    try {
      return lengthOf(await this.#tracked(this.#run(job, 'measure')));
    } catch (error) {
      if (error instanceof Unmeasured) return null;
      throw error;
    }
  }

  withoutRoom(): string[] {
    return this.#scratch.full();
  }

  #tracked(running: Promise<Transcript>): Promise<Transcript> {
    this.#jobs.add(running);
    const forget = () => this.#jobs.delete(running);
    running.then(forget, forget);
    return running;
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the speech pool is closed'));
    await Promise.allSettled(this.#jobs);
    await Promise.all(this.#processes.map((one) => one?.close()));
  }

  async #run(job: TranscribeJob, work: Work): Promise<Transcript> {
    const signal = job.signal ? AbortSignal.any([job.signal, this.#closing.signal]) : this.#closing.signal;
    const slot = await this.#acquire(signal);
    let folder: string | null = null;
    let needs: (() => void) | undefined;
    try {
      await this.#clean();
      folder = await makeJobFolder(this.#options.scratchDirectory);
      signal.throwIfAborted();
      return await this.#process(slot).run({
        path: job.path,
        directory: folder,
        work,
        track: job.track ?? null,
        channels: job.channels ?? null,
        timeoutMs: job.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        signal,
        onProgress: job.onProgress ?? (() => {}),
        onNeeds: (bytes) => {
          needs?.();
          needs = this.#scratch.take(job.account ?? '', bytes);
        },
      });
    } finally {
      if (folder !== null) await this.#remove(folder);
      needs?.();
      this.#release(slot);
    }
  }

  /** Before a job: what killed processes left, and what could not be removed after earlier jobs. */
  async #clean(): Promise<void> {
    if (!this.#cleaned) await removeLeftovers(this.#options.scratchDirectory, Date.now());
    this.#cleaned = true;
    for (const folder of this.#left) await this.#remove(folder);
  }

  /** A folder that stays behind for now must cost neither the job's words nor its place. */
  async #remove(folder: string): Promise<void> {
    this.#left.add(folder);
    const removed = await removeJobFolder(folder).then(
      () => true,
      () => false,
    );
    if (removed) this.#left.delete(folder);
  }

  #process(slot: number): SpeechProcess {
    const { model, cacheDirectory, ffmpeg, maxDurationSeconds } = this.#options;
    const present = this.#processes[slot];
    if (present && !present.gone) return present;
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const engineModule = this.#options.engineModule ?? new URL(`./engine.${extension}`, import.meta.url);
    const started = new SpeechProcess(
      {
        model,
        cacheDirectory,
        ffmpeg,
        maxDurationSeconds,
        decodeTimeoutMs: this.#options.decodeTimeoutMs ?? DEFAULT_DECODE_TIMEOUT_MS,
        engineModule: engineModule.href,
      },
      this.#options.memoryLimitBytes ?? DEFAULT_MEMORY_LIMIT,
    );
    this.#processes[slot] = started;
    return started;
  }

  #acquire(signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const slot = this.#idle.shift();
      if (slot !== undefined) return resolve(slot);
      const take = (free: number) => {
        signal.removeEventListener('abort', leave);
        resolve(free);
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(take);
    });
  }

  #release(slot: number): void {
    const next = this.#waiting.shift();
    if (next) next(slot);
    else this.#idle.push(slot);
  }
}

function lengthOf({ audioDuration, channels }: Transcript): Length {
  return { durationSeconds: audioDuration, channels };
}
