// Whose key it is, asked of the database for many requests at once: while one question is under way, the keys that come
// meanwhile are collected for the next. A flood of wrong keys, each different, then costs two connections and a statement
// for each thousand of them, and those who have a right one wait no longer than two such statements take.
export type FindAccounts = (keys: readonly string[]) => Promise<ReadonlyMap<string, string>>;

const MOST_AT_ONCE = 1_000;
/** Two: should one connection have gone silent, the other still tells. */
const QUESTIONS = 2;

type Asking = { resolve: (account: string | undefined) => void; reject: (error: unknown) => void };

export class KeyLookups {
  readonly #find: FindAccounts;
  /** Not asked yet, by key, in the order they came. */
  readonly #next = new Map<string, Asking[]>();
  #asking = 0;

  constructor(find: FindAccounts) {
    this.#find = find;
  }

  /** The account of a key; undefined for one that opens none. */
  find(key: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const same = this.#next.get(key);
      if (same) same.push({ resolve, reject });
      else this.#next.set(key, [{ resolve, reject }]);
      if (this.#asking < QUESTIONS) void this.#askAll();
    });
  }

  async #askAll(): Promise<void> {
    this.#asking++;
    while (this.#next.size > 0) await this.#ask([...this.#next].slice(0, MOST_AT_ONCE));
    this.#asking--;
  }

  async #ask(batch: readonly (readonly [string, Asking[]])[]): Promise<void> {
    for (const [key] of batch) this.#next.delete(key);
    try {
      const accounts = await this.#find(batch.map(([key]) => key));
      for (const [key, asking] of batch) for (const { resolve } of asking) resolve(accounts.get(key));
    } catch (error) {
      for (const [, asking] of batch) for (const { reject } of asking) reject(error);
    }
  }
}
