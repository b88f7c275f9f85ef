// Where both ways of decoding put their sound: spools the channels, keeps them on the clock of the file with silence, and
// minds the limit of the length. Throws JobError for a limit.

import { ChannelSpool } from './channels.ts';
import { type DecodedChannels, tooLong } from './decoder.ts';
import { silence, silenceBefore } from './timeline.ts';
import { SAMPLE_RATE } from './transcript.ts';

export type SoundSinkOptions = {
  directory: string;
  maxDurationSeconds: number;
  /** Seconds so far, about every 10. */
  onProgress: (seconds: number) => void;
};

export class SoundSink {
  readonly #options: SoundSinkOptions;
  #spool: ChannelSpool | null = null;
  /** Silence before the first sound: how many channels there are is known with that. */
  #waiting = 0;
  #silent = 0;
  #loudest = 0;
  #reported = 0;

  constructor(options: SoundSinkOptions) {
    this.#options = options;
  }

  get channels(): number {
    return this.#spool?.channels ?? 0;
  }

  /** Samples of each channel so far. */
  get samples(): number {
    return this.#waiting + (this.#spool?.samples ?? 0);
  }

  /** What comes next belongs to this second. */
  align(seconds: number): void {
    const missing = silenceBefore(seconds, this.samples);
    if (missing === 0) return;
    if (this.samples + missing > this.#options.maxDurationSeconds * SAMPLE_RATE)
      throw tooLong(this.#options.maxDurationSeconds);
    this.#silent += missing;
    if (this.#spool) this.#pause(missing);
    else this.#waiting += missing;
  }

  #pause(samples: number): void {
    for (const piece of silence(samples))
      this.#spool?.write(Array.from({ length: this.channels }, () => piece));
  }

  open(channels: number): void {
    this.#spool ??= new ChannelSpool(this.#options.directory, channels);
    const waiting = this.#waiting;
    this.#waiting = 0;
    this.#pause(waiting);
  }

  /** Channels that were so far as the first. */
  grow(channels: number): void {
    this.#spool?.grow(channels);
  }

  /** One array per channel, all of one length. */
  write(channels: readonly Int16Array[]): void {
    if (!this.#spool) this.open(channels.length);
    this.#spool?.write(channels);
    for (const samples of channels) this.#loudest = Math.max(this.#loudest, peak(samples));
    const seconds = this.samples / SAMPLE_RATE;
    if (seconds > this.#options.maxDurationSeconds) throw tooLong(this.#options.maxDurationSeconds);
    if (seconds - this.#reported < 10) return;
    this.#reported = seconds;
    this.#options.onProgress(seconds);
  }

  finish(complaints: string): DecodedChannels {
    const spool = this.#spool;
    if (!spool) return { samples: 0, channels: 0, distinct: [], silent: 0, loudest: 0, complaints };
    const { samples, channels } = spool;
    const [silent, loudest] = [this.#silent, this.#loudest];
    return { samples, channels, distinct: spool.finish(), silent, loudest, complaints };
  }

  /** Deletes everything; harmless after `finish`. */
  discard(): void {
    this.#spool?.discard();
  }
}

function peak(samples: Int16Array): number {
  let most = 0;
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] as number;
    if (value > most) most = value;
    else if (-value > most) most = -value;
  }
  return most;
}
