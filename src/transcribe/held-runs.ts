// The runs that this process has in its hands: their leases are renewed, and each has a signal that says when it is ours
// no more, because the job was cancelled or deleted, or another process took it over.
import type { Logger } from 'pino';
import { type Chore, startChore } from '../chore.ts';
import type { JobChange } from '../store/changes.ts';
import type { Db } from '../store/database.ts';
import { renewJob, runsHeld } from '../store/jobs.ts';

/** A crashed process's job waits this long at most; renewed three times as often. */
export const JOB_LEASE_MS = 60_000;
/** What was not heard of is seen after this long: one query for all runs. */
const LOOK_MS = 3_000;

type Held = { run: number; lost: AbortController };

export class HeldRuns {
  readonly #db: Db;
  readonly #log: Logger;
  readonly #held = new Map<string, Held>();
  readonly #looks: Chore;

  constructor(db: Db, log: Logger) {
    this.#db = db;
    this.#log = log;
    this.#looks = startChore('look after runs', LOOK_MS, log, () => this.#look([...this.#held.keys()]));
  }

  /** The signal ends the work within its own few seconds; what it returns is not used any more then. */
  async during<T>(
    { id, run }: { id: string; run: number },
    stopping: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const held = { run, lost: new AbortController() };
    this.#held.set(id, held);
    const renewal = setInterval(() => {
      renewJob(this.#db, id, run, JOB_LEASE_MS)
        .then((still) => {
          if (!still) held.lost.abort(new Lost());
        })
        .catch((error: unknown) => this.#log.warn({ err: error, job: id }, 'could not renew the lease'));
    }, JOB_LEASE_MS / 3);
    try {
      return await work(AbortSignal.any([stopping, held.lost.signal]));
    } finally {
      clearInterval(renewal);
      if (this.#held.get(id) === held) this.#held.delete(id);
    }
  }

  /** A change that was told of: where it is about a run of ours, its row says what to do. */
  heard({ id, status }: JobChange): void {
    if (status === 'processing' || !this.#held.has(id)) return;
    this.#look([id]).catch((error: unknown) => this.#log.warn({ err: error }, 'could not look after runs'));
  }

  stop(): Promise<void> {
    return this.#looks.stop();
  }

  async #look(ids: readonly string[]): Promise<void> {
    const asked = new Map(
      ids.flatMap((id) => {
        const held = this.#held.get(id);
        return held ? [[id, held] as const] : [];
      }),
    );
    if (asked.size === 0) return;
    const still = await runsHeld(this.#db, new Map([...asked].map(([id, { run }]) => [id, run])));
    for (const [id, { lost }] of asked) if (!still.has(id)) lost.abort(new Lost());
  }
}

class Lost extends Error {
  constructor() {
    super('this run of the job is over: it was cancelled, deleted or taken over');
    this.name = 'Lost';
  }
}
