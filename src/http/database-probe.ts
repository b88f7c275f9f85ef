// Whether the database answers at this moment, for whoever may ask as often as he likes. One question at a time, whoever
// asks: a hundred probes of a database that has gone silent take one connection of the pool, not all of them.
import { HttpError } from '../errors.ts';

export type DatabaseProbe = {
  /** Resolves when it answered; rejects with `not_ready` when it did not, or not in time. */
  answers(withinMs: number): Promise<void>;
};

export function databaseProbe(ping: () => Promise<unknown>): DatabaseProbe {
  let asking: Promise<unknown> | undefined;
  return {
    async answers(withinMs) {
      asking ??= ping().finally(() => {
        asking = undefined;
      });
      if (!(await within(asking, withinMs).catch(refuse)))
        refuse(new Error(`no answer within ${withinMs} ms`));
    },
  };
}

function refuse(cause: unknown): never {
  throw new HttpError('not_ready', { cause, retryAfterSeconds: 5 });
}

/** False when it is not over in time; it goes on. */
export async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
