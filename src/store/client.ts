// A connection to PostgreSQL that gives up on a server that has gone silent. TCP alone does not: with a half-open
// connection (a failover, a NAT that forgot, a stuck proxy) a query waits for ever, and with it whatever asked.
import pg from 'pg';
import { asPrepared } from './prepared.ts';

/**
 * A client class whose every query is answered within `limitMs`, or rejects and ends the connection with all that is
 * queued on it, so that the pool opens a new one. pg's own `query_timeout` rejects too, but leaves the stuck connection
 * in the pool for the next to wait on.
 */
export function clientWithin(limitMs: number): typeof pg.Client {
  return class extends pg.Client {
    // biome-ignore lint/suspicious/noExplicitAny: pg's nine signatures; what is given is passed on as it is
    override query(...given: any[]): any {
      const answer: unknown = Reflect.apply(super.query, this, asPrepared(given));
      return answer instanceof Promise ? this.#within(answer) : answer;
    }

    async #within<T>(answer: Promise<T>): Promise<T> {
      let silent = false;
      const timer = setTimeout(() => {
        silent = true;
        // With a query in flight pg destroys the socket: there is nobody to say goodbye to.
        this.end().catch(() => {});
      }, limitMs);
      try {
        return await answer;
      } catch (error) {
        if (!silent) throw error;
        throw new Error(
          `The database did not answer within ${limitMs / 1_000} s: the connection was given up`,
          {
            cause: error,
          },
        );
      } finally {
        clearTimeout(timer);
      }
    }
  };
}
