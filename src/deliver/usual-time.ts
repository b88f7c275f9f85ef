// How long a receiver usually takes to answer: a moving average, in which the last few attempts count most.

/** Who usually answers within this holds a place so briefly that it may have any. */
export const QUICK_MS = 1_000;
const WEIGHT = 0.3;

export class UsualTime {
  #ms: number | null = null;

  add(ms: number): void {
    this.#ms = this.#ms === null ? ms : this.#ms + WEIGHT * (ms - this.#ms);
  }

  /** Null: no attempt has ended yet. */
  get quick(): boolean | null {
    return this.#ms === null ? null : this.#ms <= QUICK_MS;
  }
}
