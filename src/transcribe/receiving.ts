// The bytes of one answer on their way into the file, within the limits of size and pace.
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { JobError } from '../errors.ts';
import type { Step } from '../outbound/request.ts';
import type { FetchAudioOptions } from './fetch.ts';
import { type Place, tooLarge, tooSlow } from './refusals.ts';
import { Pace } from './slow-host.ts';

export class Receiving {
  /** Why it was ended by us. */
  refusal: JobError | null = null;
  /** Of this answer. */
  bytes = 0;
  readonly #options: FetchAudioOptions;
  readonly #place: Place;
  #file: WriteStream | null = null;
  #pace: Pace | null = null;
  #from = 0;
  #total: number | null = null;

  constructor(options: FetchAudioOptions, place: Place) {
    this.#options = options;
    this.#place = place;
  }

  /** `from`: where its first byte belongs; 0 replaces what is there. `total` of the whole file, if it is known. */
  begin({ from, total }: { from: number; total: number | null }): Step {
    const { path, maxBytes, minimumRate } = this.#options;
    if (total !== null && total > maxBytes) return this.#stop(tooLarge(maxBytes));
    this.#from = from;
    this.#total = total;
    this.#pace = new Pace(minimumRate, performance.now());
    this.#file = createWriteStream(path, from === 0 ? {} : { flags: 'r+', start: from });
    // Reported where it is awaited; without a listener it would end the process first.
    this.#file.on('error', () => {});
    return 'read';
  }

  take(chunk: Buffer): Step | Promise<Step> {
    const { maxBytes, minimumRate, onProgress } = this.#options;
    const file = this.#file;
    if (!file) return 'stop';
    const bytes = this.#from + this.bytes + chunk.length;
    if (bytes > maxBytes) return this.#stop(tooLarge(maxBytes));
    const slow = this.#pace?.tooSlow(chunk.length, performance.now()) ?? false;
    if (slow && bytes !== this.#total) return this.#stop(tooSlow(this.#place, minimumRate));
    this.bytes += chunk.length;
    const room = file.write(chunk);
    onProgress?.(bytes, this.#total);
    if (file.errored) throw file.errored;
    return room ? 'read' : this.#whenDrained(file);
  }

  /** All that was taken is in the file. */
  async close(): Promise<void> {
    if (!this.#file) return;
    this.#file.end();
    await finished(this.#file);
  }

  destroy(): void {
    this.#file?.destroy();
  }

  /** A disk slower than the network holds the network back, so memory does not grow with the file. */
  async #whenDrained(file: WriteStream): Promise<Step> {
    const from = performance.now();
    await once(file, 'drain');
    this.#pace?.excuse(performance.now() - from);
    return 'read';
  }

  #stop(error: JobError): Step {
    this.refusal = error;
    return 'stop';
  }
}
