// A floor under the free space of the folders that files of strangers go to: below it new work waits, so that what runs
// can end, and the database on the same disk can go on.
import { statfs } from 'node:fs/promises';
import { ShortageError } from './shortage.ts';
import { formatBytes } from './units.ts';

/** A few decodes of usual length (115 MB for an hour of a channel), and the write-ahead log of PostgreSQL beside them. */
const FLOOR_BYTES = 512 * 2 ** 20;
/** Asked once a second at most, whoever wants to know. */
const FRESH_MS = 1_000;

export class DiskFloor {
  readonly #folders: readonly string[];
  readonly #floorBytes: number;
  #asked: Promise<void> | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(folders: readonly string[], floorBytes: number = FLOOR_BYTES) {
    this.#folders = folders;
    this.#floorBytes = floorBytes;
  }

  /** Rejects with a {@link ShortageError} of `disk` while one of the folders has less free space than the floor. */
  check(): Promise<void> {
    const now = performance.now();
    if (this.#asked && now - this.#askedAt < FRESH_MS) return this.#asked;
    this.#askedAt = now;
    this.#asked = this.#look();
    // Whoever asks within the second hears of it.
    this.#asked.catch(() => {});
    return this.#asked;
  }

  async #look(): Promise<void> {
    for (const folder of this.#folders) {
      const { bavail, bsize } = await statfs(folder);
      if (bavail * bsize < this.#floorBytes)
        throw new ShortageError(
          'disk',
          `The disk of ${folder} has less than ${formatBytes(this.#floorBytes)} free: new audio waits until there is more.`,
        );
    }
  }
}
