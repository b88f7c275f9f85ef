// One sleeper, woken by a ring or when its time is over. A ring while nobody sleeps is kept for the next to lie down.
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves at a ring, at the latest after `withinMs`. */
  async rung(withinMs?: number): Promise<void> {
    if (!this.#rung)
      await new Promise<void>((resolve) => {
        const timer = withinMs === undefined ? undefined : setTimeout(resolve, withinMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#wake = undefined;
    this.#rung = false;
  }
}
