// A floor under the free space of the folders that files of strangers go to: below it new work waits, so that what runs
// can end, and the database on the same disk can go on.
import { type DiskSpace, diskSpace, isNearlyFull, spaceFloor } from './disk-space.ts';
import { ShortageError } from './shortage.ts';
import { formatBytes } from './units.ts';

/** Asked once a second at most, whoever wants to know. */
const FRESH_MS = 1_000;

export class DiskFloor {
  readonly #folders: readonly string[];
  readonly #look: (folder: string) => Promise<DiskSpace>;
  #asked: Promise<void> | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(folders: readonly string[], look = diskSpace) {
    this.#folders = folders;
    this.#look = look;
  }

  /** Rejects with a {@link ShortageError} of `disk` while one of the folders has less free space than the floor. */
  check(): Promise<void> {
    const now = performance.now();
    if (this.#asked && now - this.#askedAt < FRESH_MS) return this.#asked;
    this.#askedAt = now;
    this.#asked = this.#lookAtAll();
    // Whoever asks within the second hears of it.
    this.#asked.catch(() => {});
    return this.#asked;
  }

  async #lookAtAll(): Promise<void> {
    for (const folder of this.#folders) {
      const space = await this.#look(folder);
      if (isNearlyFull(space))
        throw new ShortageError(
          'disk',
          `The disk of ${folder} has less than ${formatBytes(spaceFloor(space))} free: new audio waits until there is more.`,
        );
    }
  }
}
