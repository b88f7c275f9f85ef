// Memory for large answers. A record may have 20 MB, all of it in memory until its reader has taken it; a hundred
// readers who take nothing would end the process. So large ones are read from the database only while there is room for
// them, for each account and for all together, and wait for their turn otherwise.
import type { ServerResponse } from 'node:http';
import { SharedPool } from '../shared-pool.ts';

/** Answers up to this size are not counted. */
export const SMALL_ANSWER = 1_000_000;

/** Bytes as they are stored; in memory an answer takes about three times as much. */
const OF_ACCOUNT = 32_000_000;
const OF_ALL = 128_000_000;

type Waiting = { account: string; bytes: number; enter: () => void };

export class AnswerRoom {
  readonly #taken = new SharedPool(OF_ALL);
  readonly #queue = new Set<Waiting>();

  /** Resolves when there is room, which is given back when the answer has ended; false: its reader is gone. */
  enter(account: string, bytes: number, response: ServerResponse): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting = {
        account,
        bytes,
        enter: () => {
          this.#taken.take(account, bytes);
          response.once('close', () => this.#leave(account, bytes));
          resolve(true);
        },
      };
      if (response.destroyed) resolve(false);
      else if (this.#fits(waiting)) waiting.enter();
      else {
        this.#queue.add(waiting);
        response.once('close', () => {
          this.#queue.delete(waiting);
          resolve(false);
        });
      }
    });
  }

  /** One alone always fits, however large. */
  #fits({ account, bytes }: Waiting): boolean {
    const mine = this.#taken.usedBy(account);
    return (
      (mine === 0 || mine + bytes <= OF_ACCOUNT) && (this.#taken.used === 0 || bytes <= this.#taken.free)
    );
  }

  #leave(account: string, bytes: number): void {
    this.#taken.give(account, bytes);
    for (const waiting of this.#queue)
      if (this.#fits(waiting)) {
        this.#queue.delete(waiting);
        waiting.enter();
      }
  }
}
