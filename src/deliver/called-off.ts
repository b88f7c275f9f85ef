// Deliveries that are wanted no more while somebody has them in hand. Remembered for a while: the answer to their claim may
// still be on its way to us when we hear of it.

const REMEMBER_MS = 30_000;

export class CalledOff {
  /** By id, those heard of first at the front: until when each is remembered (performance.now). */
  readonly #until = new Map<string, number>();

  add(deliveryId: string, at: number): void {
    for (const [id, until] of this.#until) {
      if (until > at) break;
      this.#until.delete(id);
    }
    this.#until.set(deliveryId, at + REMEMBER_MS);
  }

  /** Its owner has sent it again. */
  forget(deliveryId: string): void {
    this.#until.delete(deliveryId);
  }

  has(deliveryId: string): boolean {
    return this.#until.has(deliveryId);
  }
}
