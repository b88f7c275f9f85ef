// Owns the folders in which jobs keep their decoded audio: one per job, named after the process that made it, so that
// what a killed process left behind can be told from what a living one needs.

import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isGone } from '../pid.ts';

const PREFIX = 'speech';
/** Folders of another host on a shared disk are left alone for so long. */
const FOREIGN_MS = 24 * 3600 * 1000;

/** Tells this run of the process from an earlier one with the same number: in a container it is often 1 each time. */
const RUN = Math.round(performance.timeOrigin).toString(36);

export async function makeJobFolder(scratchDirectory: string): Promise<string> {
  await mkdir(scratchDirectory, { recursive: true });
  return mkdtemp(join(scratchDirectory, `${PREFIX}-${hostTag()}-${process.pid}-${RUN}-`));
}

export async function removeJobFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Removes the folders of processes that no longer live. `now` in milliseconds since 1970. */
export async function removeLeftovers(scratchDirectory: string, now: number): Promise<void> {
  const names = await readdir(scratchDirectory).catch(() => []);
  for (const name of names) {
    const [, host, pid, run] = new RegExp(`^${PREFIX}-(\\w+)-(\\d+)-(\\w+)-\\w+$`).exec(name) ?? [];
    if (host === undefined || pid === undefined) continue;
    const folder = join(scratchDirectory, name);
    const left = host === hostTag() ? isLeft(Number(pid), run) : await isOld(folder, now);
    if (left) await removeJobFolder(folder);
  }
}

function isLeft(pid: number, run: string | undefined): boolean {
  return pid === process.pid ? run !== RUN : isGone(pid);
}

async function isOld(folder: string, now: number): Promise<boolean> {
  const found = await stat(folder).catch(() => null);
  return found !== null && now - found.mtimeMs > FOREIGN_MS;
}

function hostTag(): string {
  return hostname().replace(/\W/g, '_').slice(0, 40);
}
