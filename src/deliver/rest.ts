// After an attempt that met a shortage of our own, this process takes on no more work for a while: another one may have
// what we lack, and trying again at once would only use up more of it. Pure but for its clock.

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

export class ShortageRest {
  readonly #now: () => number;
  #until = Number.NEGATIVE_INFINITY;
  #nextMs = FIRST_MS;

  /** `now`: milliseconds that only ever go forward. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get isResting(): boolean {
    return this.#now() < this.#until;
  }

  /** Attempts that were under way together make one rest. */
  met(): void {
    if (this.isResting) return;
    this.#until = this.#now() + this.#nextMs;
    this.#nextMs = Math.min(this.#nextMs * 2, LONGEST_MS);
  }

  /** An attempt got through to its receiver. */
  over(): void {
    this.#nextMs = FIRST_MS;
  }
}
