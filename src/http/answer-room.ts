// Memory for large answers. A record may have 20 MB, all of it in memory until its reader has taken it; a hundred
// readers who take nothing would end the process. So large ones are read from the database only while there is room for
// them, for each account and for all together, and wait for their turn otherwise.
import type { ServerResponse } from 'node:http';

/** Answers up to this size are not counted. */
export const SMALL_ANSWER = 1_000_000;

export type AnswerRoomLimits = { ofAccount: number; ofAll: number };

/** Bytes as they are stored; in memory an answer takes about three times as much. */
const USUAL: AnswerRoomLimits = { ofAccount: 32_000_000, ofAll: 128_000_000 };

type Waiting = { account: string; bytes: number; enter: () => void };

export class AnswerRoom {
  readonly #limits: AnswerRoomLimits;
  readonly #taken = new Map<string, number>();
  #inAll = 0;
  #queue: Waiting[] = [];

  constructor(limits: AnswerRoomLimits = USUAL) {
    this.#limits = limits;
  }

  /** Resolves when there is room, which is given back when the answer has ended; false: its reader is gone. */
  enter(account: string, bytes: number, response: ServerResponse): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting = {
        account,
        bytes,
        enter: () => {
          this.#take(account, bytes);
          response.once('close', () => this.#leave(account, bytes));
          resolve(true);
        },
      };
      if (response.destroyed) resolve(false);
      else if (this.#fits(waiting)) waiting.enter();
      else {
        this.#queue.push(waiting);
        response.once('close', () => {
          this.#queue = this.#queue.filter((one) => one !== waiting);
          resolve(false);
        });
      }
    });
  }

  /** One alone always fits, however large. */
  #fits({ account, bytes }: Waiting): boolean {
    const mine = this.#taken.get(account) ?? 0;
    const { ofAccount, ofAll } = this.#limits;
    return (mine === 0 || mine + bytes <= ofAccount) && (this.#inAll === 0 || this.#inAll + bytes <= ofAll);
  }

  #take(account: string, bytes: number): void {
    this.#inAll += bytes;
    this.#taken.set(account, (this.#taken.get(account) ?? 0) + bytes);
  }

  #leave(account: string, bytes: number): void {
    this.#take(account, -bytes);
    if (this.#taken.get(account) === 0) this.#taken.delete(account);
    for (const waiting of [...this.#queue])
      if (this.#fits(waiting)) {
        this.#queue = this.#queue.filter((one) => one !== waiting);
        waiting.enter();
      }
  }
}
