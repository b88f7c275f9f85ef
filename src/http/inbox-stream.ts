// One reader of an inbox's requests, as server-sent events. It goes along the numbers in the database, and reads on when it
// is told that there are more and its own reader has taken what came before: whatever the reader's pace, nothing is skipped
// and little is held.
import { Readable } from 'node:stream';

/** Bytes that may wait for the reader. */
const HELD = 256 * 1024;

export type Event = { number: number; text: string };

type Options = {
  /** Those that wait for an answer already. */
  first: readonly Event[];
  /** Requests with higher numbers come. */
  after: number;
  /** The next few, in their order. */
  load: (after: number) => Promise<readonly Event[]>;
  closed: (byReader: boolean) => void;
  failed: (error: unknown) => void;
};

export class InboxStream extends Readable {
  readonly #options: Options;
  #after: number;
  #wanted = false;
  #isReading = false;
  #isMore = true;
  #isOver = false;

  constructor(options: Options) {
    super({ highWaterMark: HELD });
    this.#options = options;
    this.#after = options.after;
    // Something at once, so that the client sees the stream open.
    this.push('retry: 1000\n\n');
    for (const { text } of options.first) this.push(text);
  }

  /** There may be more. */
  wake(): void {
    this.#isMore = true;
    void this.#read();
  }

  beat(): void {
    if (!this.destroyed && !this.#isOver && this.readableLength < HELD) this.push(':\n\n');
  }

  /** No more will come; with `last`, after it. */
  end(last = ''): void {
    if (this.destroyed || this.#isOver) return;
    this.#isOver = true;
    if (last !== '') this.push(last);
    this.push(null);
  }

  override _read(): void {
    this.#wanted = true;
    void this.#read();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#options.closed(!this.#isOver);
    callback(error);
  }

  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#wanted && this.#isMore && !this.destroyed && !this.#isOver) {
        this.#isMore = false;
        const events = await this.#options.load(this.#after);
        if (this.destroyed || this.#isOver) break;
        for (const { number, text } of events) {
          this.#after = number;
          this.#wanted = this.push(text);
        }
        if (events.length > 0) this.#isMore = true;
      }
    } catch (error) {
      // The reader comes back by itself, and goes on where it was.
      this.#options.failed(error);
      this.end();
    } finally {
      this.#isReading = false;
    }
  }
}
