// One reader of server-sent events. What it does not take is held up to a limit; then it is cut off, and comes back when
// it can.
import { Readable } from 'node:stream';
import type { Change } from '../store/changes.ts';

const MOST_HELD = 512 * 1024;

export class EventStream extends Readable {
  readonly #closed: () => void;
  #ended = false;

  constructor(closed: () => void) {
    super({ highWaterMark: MOST_HELD });
    this.#closed = closed;
  }

  /** Cuts the reader off when it is too far behind. */
  tell(text: string): void {
    if (this.destroyed || this.#ended) return;
    this.push(text);
    if (this.readableLength > MOST_HELD) this.destroy();
  }

  /** No more will come. */
  end(): void {
    if (this.destroyed || this.#ended) return;
    this.#ended = true;
    this.push(null);
  }

  override _read(): void {}

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#closed();
    callback(error);
  }
}

export function formatEvent(id: string, change: Change): string {
  const data =
    change.kind === 'job'
      ? { id: change.id, status: change.status }
      : {
          id: change.id,
          transcription_id: change.jobId,
          state: change.state,
          attempt_count: change.attempts,
        };
  return `id: ${id}\nevent: ${change.kind}\ndata: ${JSON.stringify(data)}\n\n`;
}
