// What this process finds short when it looks, for /readyz and the log: room on its disks, file descriptors.
import { readdir } from 'node:fs/promises';
import { diskSpace, isNearlyFull } from './disk-space.ts';
import { type Shortage, shortageOf } from './shortage.ts';

/** Of the descriptors that the system allows; the last ones are for PostgreSQL, decoders and the log. */
const NEARLY_ALL = 0.95;

export type Resources = {
  /** Where we write. */
  folders: readonly string[];
  /** Descriptors allowed; Infinity without a limit. */
  descriptorLimit: number;
};

export async function shortNow({ folders, descriptorLimit }: Resources): Promise<Shortage[]> {
  const found = new Set<Shortage>();
  const look = async (shortage: Shortage, isShort: () => Promise<boolean>) => {
    try {
      if (await isShort()) found.add(shortage);
    } catch (error) {
      // A folder that cannot even be looked at (unmounted, removed) has no room either.
      found.add(shortageOf(error) ?? shortage);
    }
  };
  for (const folder of folders) await look('disk', async () => isNearlyFull(await diskSpace(folder)));
  await look('descriptors', async () => (await openDescriptors()) > descriptorLimit * NEARLY_ALL);
  return [...found];
}

/** Descriptors this process has open; 0 where the system does not tell. */
async function openDescriptors(): Promise<number> {
  return process.platform === 'linux' ? (await readdir('/proc/self/fd')).length : 0;
}
