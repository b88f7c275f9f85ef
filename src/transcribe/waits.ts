// How long a job waits that met a shortage of ours: longer each time, as far as this process remembers. Pure.

const FIRST_S = 5;
const LONGEST_S = 60;
/** Jobs remembered; forgetting one makes its next wait short again, which costs nothing but a try. */
const MOST = 10_000;

export class ShortageWaits {
  /** Milliseconds for which a place that met one takes no other job: a full queue must not spin through a full disk. */
  readonly restMs: number;
  readonly #met = new Map<string, number>();

  constructor(restMs = 1_000) {
    this.restMs = restMs;
  }

  /** Seconds until the job is to be tried again: 5, 10, 20, 40, then 60 each time. */
  next(jobId: string): number {
    const times = this.#met.get(jobId) ?? 0;
    if (this.#met.size >= MOST) this.#met.clear();
    this.#met.set(jobId, times + 1);
    return Math.min(FIRST_S * 2 ** times, LONGEST_S);
  }

  /** The job has ended. */
  over(jobId: string): void {
    this.#met.delete(jobId);
  }
}
