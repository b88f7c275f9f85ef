// A small disk of its own, so that a test can fill it without hurting anybody.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type SmallDisk = {
  folder: string;
  /** Takes all but so many bytes. */
  fill(leave?: number): Promise<void>;
  /** Gives them back. */
  empty(): Promise<void>;
  remove(): Promise<void>;
};

/** Null where mounting is not allowed: only root may. */
export async function smallDisk(megabytes: number): Promise<SmallDisk | null> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return null;
  const folder = await mkdtemp(join(tmpdir(), 'ringback-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  } catch {
    await rm(folder, { recursive: true });
    return null;
  }
  const filler = join(folder, 'filler');
  return {
    folder,
    async fill(leave = 0) {
      await writeFile(filler, Buffer.alloc(megabytes * 2 ** 20 - leave)).catch((error: { code?: string }) => {
        if (error.code !== 'ENOSPC') throw error;
      });
    },
    empty: () => rm(filler, { force: true }),
    async remove() {
      await run('umount', ['-l', folder]);
      await rm(folder, { recursive: true });
    },
  };
}
