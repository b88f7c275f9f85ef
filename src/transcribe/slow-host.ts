// Whether a host sends so slowly that its download is given up: a byte now and then would keep a place for an hour. Pure.

export type MinimumRate = {
  bytesPerSecond: number;
  /** Judged once in so long, by what came within it: a pause shorter than that is no offence. */
  windowMs: number;
};

/**
 * Half of what the sound of a telephone line takes (64 kbit/s), so that a host that sends a call while it is made passes;
 * for half a minute, which a stalled mobile line or a proxy that fetches the file first may take.
 */
export const MINIMUM_RATE: MinimumRate = { bytesPerSecond: 4_000, windowMs: 30_000 };

export class Pace {
  readonly #minimum: MinimumRate;
  #since: number;
  #bytes = 0;

  /** `now` in milliseconds, of any clock that does not step. */
  constructor(minimum: MinimumRate, now: number) {
    this.#minimum = minimum;
    this.#since = now;
  }

  /** Time in which we did not read is not the host's. */
  excuse(milliseconds: number): void {
    this.#since += milliseconds;
  }

  /** After each piece: true when the window is over and too little came within it. */
  tooSlow(bytes: number, now: number): boolean {
    this.#bytes += bytes;
    const elapsed = now - this.#since;
    if (elapsed < this.#minimum.windowMs) return false;
    const slow = this.#bytes / (elapsed / 1_000) < this.#minimum.bytesPerSecond;
    this.#since = now;
    this.#bytes = 0;
    return slow;
  }
}
