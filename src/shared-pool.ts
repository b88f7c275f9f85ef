// Something there is only so much of (places, bytes of memory) in this process, shared by accounts with dynamic
// thresholds: an account may take more while what it has is less than what is free. One account alone comes to half of
// it, two to a third each, and whoever comes next always finds some, without anybody counting who is there.
// A. K. Choudhury and E. L. Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998 (α = 1).
export class SharedPool {
  readonly #size: number;
  #used = 0;
  readonly #byAccount = new Map<string, number>();

  constructor(size: number) {
    this.#size = size;
  }

  get used(): number {
    return this.#used;
  }

  get free(): number {
    return this.#size - this.#used;
  }

  usedBy(account: string): number {
    return this.#byAccount.get(account) ?? 0;
  }

  /**
   * Whether the account may take so much now. One that has nothing is let in while anything at all is left: what is
   * larger than the whole (one huge body) must be possible too.
   */
  admits(account: string, amount = 1): boolean {
    const own = this.usedBy(account);
    if (own === 0) return this.free > 0;
    return own + amount <= this.free;
  }

  /** How often `admits` would say yes to one more, if nobody else took any meanwhile. */
  roomFor(account: string): number {
    const own = this.usedBy(account);
    // Each place it takes makes its own share larger and what is free smaller: they meet half way.
    const more = Math.floor((this.free - own + 1) / 2);
    return Math.max(more, own === 0 && this.free > 0 ? 1 : 0);
  }

  take(account: string, amount = 1): void {
    this.#used += amount;
    this.#byAccount.set(account, this.usedBy(account) + amount);
  }

  give(account: string, amount = 1): void {
    this.#used -= amount;
    const left = this.usedBy(account) - amount;
    if (left > 0) this.#byAccount.set(account, left);
    else this.#byAccount.delete(account);
  }

  /** Accounts that may have no more at this moment. */
  *full(): Generator<string> {
    for (const account of this.#byAccount.keys()) if (!this.admits(account)) yield account;
  }
}
