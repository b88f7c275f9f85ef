// What a process takes, as Linux tells it from outside.
import { readdir, readFile } from 'node:fs/promises';

/** Resident memory, in thousands of /proc's kB. */
export async function megabytesOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_000;
}

/** Open file descriptors. */
export async function descriptorsOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}
