// How much of the scratch folder the decoded sound of each account takes, as far as is known when decoding begins. An
// account over its budget is not refused: its next job waits until what runs has ended.

/** 37 hours of two channels at a time; one more job may be begun just below it. */
const BUDGET_BYTES = 8 * 2 ** 30;

export class ScratchUse {
  readonly #used = new Map<string, number>();
  readonly #budget: number;

  constructor(budget = BUDGET_BYTES) {
    this.#budget = budget;
  }

  /** The returned function gives the room back, once. */
  take(account: string, bytes: number): () => void {
    this.#used.set(account, (this.#used.get(account) ?? 0) + bytes);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#used.get(account) ?? 0) - bytes;
      if (left > 0) this.#used.set(account, left);
      else this.#used.delete(account);
    };
  }

  full(): string[] {
    return [...this.#used].flatMap(([account, used]) => (used >= this.#budget ? [account] : []));
  }
}
