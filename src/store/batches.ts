// What many requests ask of the database at the same time goes there together: while one statement runs, the next
// collects. One that comes alone is served at once.
import { setImmediate as tick } from 'node:timers/promises';

type Options<Item, Result> = {
  /** The results in the order of the items; what it throws is every item's. */
  run: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Batches under way at a time. */
  lanes: number;
  /** Weight of a batch, unless a single item has more. */
  most: number;
  weigh?: (item: Item) => number;
};

type Waiting<Item, Result> = {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
};

export class Batches<Item, Result> {
  readonly #options: Options<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  #busy = 0;

  constructor(options: Options<Item, Result>) {
    this.#options = options;
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#busy < this.#options.lanes) void this.#lane();
    });
  }

  /** Works until nothing waits. */
  async #lane(): Promise<void> {
    this.#busy++;
    // Whoever else comes in this turn of the event loop goes along.
    await tick();
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) await this.#run(batch);
    this.#busy--;
  }

  #take(): Waiting<Item, Result>[] {
    const { most, weigh = () => 1 } = this.#options;
    let weight = 0;
    const over = this.#waiting.findIndex(({ item }, index) => {
      weight += weigh(item);
      return weight > most && index > 0;
    });
    return this.#waiting.splice(0, over === -1 ? this.#waiting.length : over);
  }

  async #run(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.run(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
