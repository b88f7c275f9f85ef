// Says in the log what is short: at once when it begins, then once a minute while it lasts, however many requests, jobs
// and attempts meet it meanwhile.
import { SHORT_OF, type Shortage, shortageOf } from './shortage.ts';

type Options = {
  log: { warn(fields: object, message: string): void };
  /** Milliseconds that only ever go forward. */
  now: () => number;
};

const AGAIN_MS = 60_000;

export class ShortageLog {
  readonly #options: Options;
  readonly #said = new Map<Shortage, { at: number; times: number }>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** An error that says what is short; every other one is none of its business. `where` names what met it. */
  met(error: unknown, where: string): void {
    const shortage = shortageOf(error);
    if (shortage !== null) this.found(shortage, where, error);
  }

  found(shortage: Shortage, where: string, error?: unknown): void {
    const { log, now } = this.#options;
    const last = this.#said.get(shortage);
    const times = (last?.times ?? 0) + 1;
    if (last && now() < last.at + AGAIN_MS) {
      last.times = times;
      return;
    }
    this.#said.set(shortage, { at: now(), times: 0 });
    log.warn(
      { short: shortage, where, times, ...(error !== undefined && { err: error }) },
      `Ringback is short of ${SHORT_OF[shortage]}: what meets it waits, and nobody is blamed`,
    );
  }
}
