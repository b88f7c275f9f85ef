// A connection to PostgreSQL that gives up on a server that has gone silent. TCP alone does not: with a half-open
// connection (a failover, a NAT that forgot, a stuck proxy) a query waits for ever, and with it whatever asked. And the
// place where a database that is away is told from a statement that is wrong: here the connection is known.
import type { PostgresPool } from 'kysely';
import pg from 'pg';
import { ShortageError, shortageOf } from '../shortage.ts';
import { asPrepared } from './prepared.ts';

/**
 * A client class whose every query is answered within `limitMs`, or rejects and ends the connection with all that is
 * queued on it, so that the pool opens a new one. pg's own `query_timeout` rejects too, but leaves the stuck connection
 * in the pool for the next to wait on. Null: a query may take as long as it takes.
 */
export function clientWithin(limitMs: number | null): typeof pg.Client {
  return class extends pg.Client {
    #broken = false;

    constructor(config?: string | pg.ClientConfig) {
      super(config);
      // pg says so before it rejects the queries of the connection.
      for (const event of ['error', 'end'] as const)
        this.on(event, () => {
          this.#broken = true;
        });
    }

    // biome-ignore lint/suspicious/noExplicitAny: pg's nine signatures; what is given is passed on as it is
    override query(...given: any[]): any {
      const answer: unknown = Reflect.apply(super.query, this, asPrepared(given));
      return answer instanceof Promise ? this.#within(answer) : answer;
    }

    async #within<T>(answer: Promise<T>): Promise<T> {
      let silent = false;
      const giveUp = () => {
        silent = true;
        // With a query in flight pg destroys the socket: there is nobody to say goodbye to.
        this.end().catch(() => {});
      };
      const timer = limitMs === null ? undefined : setTimeout(giveUp, limitMs);
      try {
        return await answer;
      } catch (cause) {
        // What the server itself said has its SQLSTATE, whatever became of the connection.
        if (cause instanceof pg.DatabaseError || !(silent || this.#broken)) throw cause;
        const what = silent
          ? `The database did not answer within ${Number(limitMs) / 1_000} s: the connection was given up`
          : 'The connection to the database broke';
        throw new ShortageError(shortageOf(cause) ?? 'database', what, { cause });
      } finally {
        clearTimeout(timer);
      }
    }
  };
}

/** The pool as Kysely uses it. Where no connection can be had, for whatever reason, the database is away. */
export function reachedThrough(pool: pg.Pool): PostgresPool {
  return {
    options: pool.options,
    connect: () =>
      pool.connect().catch((cause: unknown) => {
        const errors = cause instanceof AggregateError ? cause.errors : [cause];
        const said = errors.map(({ message }) => message).join(', ');
        throw new ShortageError(shortageOf(cause) ?? 'database', `The database cannot be reached: ${said}`, {
          cause,
        });
      }),
    end: () => pool.end(),
  };
}
