// Whether our wall clock may sign: receivers refuse a signature whose time is minutes off. It is measured against the
// database's clock now and then, and watched against the monotonic clock in between, so that a step (NTP after a long
// sleep, an operator's `date -s`) is seen at once and not one signature carries it.
import type { Logger } from 'pino';

/** Receivers allow five minutes; ours and theirs may be off in opposite ways, and a request takes its time. */
export const WORST_OFFSET_MS = 30_000;

export type ClockDeps = {
  /** The wall clock that signs. */
  now: () => Date;
  /** The wall clock minus the database's, in milliseconds. */
  measure: () => Promise<number>;
  log: Logger;
};

export class WatchedClock {
  readonly #deps: ClockDeps;
  #measured = 0;
  /** The wall clock minus the monotonic one when it was measured. */
  #base = 0;
  #wrong = false;

  constructor(deps: ClockDeps) {
    this.#deps = deps;
    this.#base = this.#apart();
  }

  /** Our clock minus the database's: as measured, and what it has been stepped since. */
  get offsetMs(): number {
    return this.#measured + this.#apart() - this.#base;
  }

  get isRight(): boolean {
    const wrong = Math.abs(this.offsetMs) > WORST_OFFSET_MS;
    if (wrong !== this.#wrong) {
      this.#wrong = wrong;
      this.#tell();
    }
    return !wrong;
  }

  /** Measures again. While the clock is wrong each call says so in the log. */
  async check(): Promise<void> {
    const wasWrong = this.#wrong;
    this.#measured = await this.#deps.measure();
    this.#base = this.#apart();
    if (!this.isRight && wasWrong) this.#tell();
  }

  #tell(): void {
    const offset_s = Math.round(this.offsetMs / 1_000);
    if (this.#wrong)
      this.#deps.log.error(
        { offset_s },
        "this machine's clock is too far from the database's: nothing is sent until it is set (NTP), as receivers would refuse the signatures",
      );
    else this.#deps.log.info({ offset_s }, "this machine's clock is right again: sending goes on");
  }

  #apart(): number {
    return this.#deps.now().getTime() - performance.now();
  }
}
