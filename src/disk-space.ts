// How much room is left where we write, and when that counts as too little: before the very last byte is gone, so that
// what is under way can still end.
import { statfs } from 'node:fs/promises';

const MOST_FLOOR = 256 * 2 ** 20;
const SHARE = 0.02;

export type DiskSpace = { free: number; size: number };

/** Bytes that we may still write to the file system of this folder, and its size. */
export async function diskSpace(folder: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { free: bavail * bsize, size: blocks * bsize };
}

/** Below it, nothing large is begun: 256 MiB, on a small disk a fiftieth of it. */
export function spaceFloor({ size }: Pick<DiskSpace, 'size'>): number {
  return Math.min(MOST_FLOOR, size * SHARE);
}

export function isNearlyFull(space: DiskSpace): boolean {
  return space.free < spaceFloor(space);
}
