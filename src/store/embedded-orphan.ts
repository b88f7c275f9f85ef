/** Owns what to do about a PostgreSQL that a killed Ringback left on the folder, or the lock file of one that is long gone. */
import { constants } from 'node:fs';
import { open, readlink, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { EmbeddedError, systemErrorCode } from './embedded-error.ts';
import { run } from './embedded-process.ts';

/** Fast shutdown first; then an immediate one, which costs a recovery at the next start but no data; then the kernel. */
const ESCALATION = [
  { signal: 'SIGINT', patience: 10_000 },
  { signal: 'SIGQUIT', patience: 5_000 },
  { signal: 'SIGKILL', patience: 5_000 },
] as const satisfies readonly { signal: NodeJS.Signals; patience: number }[];
const POLL = 25; // ms; only an own child announces its end, this one is not ours

/**
 * Leaves `cluster` without a server and without a `postmaster.pid`. Call with the folder's lock held: whatever still runs here
 * then has no living parent. Returns what was found.
 *
 * A server is stopped and started anew rather than adopted: its settings may be another release's, its log goes nowhere, and
 * its end could not be waited for. That costs a shutdown checkpoint (0.1 s when idle).
 */
export async function clearLeftovers(cluster: string): Promise<'nothing' | 'stale file' | 'stopped server'> {
  const file = path.join(cluster, 'postmaster.pid');
  const pid = parsePostmasterPid(await readPlainFile(file));
  if (pid === undefined || !(await isServerOf(cluster, pid))) {
    // PostgreSQL itself would be fooled by a pid that now belongs to another process of the same user. Removing the file is
    // safe: surviving children of a crashed server still hold its shared memory, by which the new one finds them.
    const existed = await stat(file).then(
      () => true,
      () => false,
    );
    await rm(file, { force: true });
    return existed ? 'stale file' : 'nothing';
  }
  for (const { signal, patience } of ESCALATION) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (systemErrorCode(error) !== 'ESRCH') throw error;
    }
    const deadline = performance.now() + patience;
    while (performance.now() < deadline) {
      if (!(await isServerOf(cluster, pid))) {
        await rm(file, { force: true });
        return 'stopped server';
      }
      await wait(POLL);
    }
  }
  throw new EmbeddedError(
    'embedded_start',
    `A PostgreSQL left over from an earlier run (pid ${pid}) still runs on ${cluster} and does not stop. Stop it by hand and start again.`,
  );
}

/** The pid on the first line of a `postmaster.pid` (PostgreSQL, miscadmin.h `LOCK_FILE_LINE_PID`; negative: single-user mode). */
export function parsePostmasterPid(text: string | undefined): number | undefined {
  const pid = Math.abs(Number.parseInt(text ?? '', 10));
  return pid > 1 && Number.isSafeInteger(pid) ? pid : undefined;
}

/**
 * True when `pid` is a running PostgreSQL that stands in `cluster`. Signals are sent on this evidence alone, never on the number
 * in the file. Zombies do not count: their /proc entries no longer lead anywhere.
 */
export async function isServerOf(cluster: string, pid: number): Promise<boolean> {
  if (process.platform !== 'linux') {
    const { text } = await run('/bin/ps', ['-ww', '-o', 'args=', '-p', String(pid)], undefined, { cwd: '/' });
    return /\bpostgres\b/.test(text) && text.includes(` -D ${cluster} `);
  }
  try {
    const [executable, standsIn, data] = await Promise.all([
      readlink(`/proc/${pid}/exe`),
      stat(`/proc/${pid}/cwd`),
      stat(cluster),
    ]);
    // The executable may have been replaced by an upgrade: "…/postgres (deleted)".
    return (
      /\/postgres( \(deleted\))?$/.test(executable) && standsIn.dev === data.dev && standsIn.ino === data.ino
    );
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(systemErrorCode(error) ?? '')) return false;
    throw error;
  }
}

/** As root we read inside a folder that another account can write: no link is followed, nothing but a plain file is read. */
async function readPlainFile(file: string): Promise<string | undefined> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!(await handle.stat()).isFile()) return undefined;
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (['ENOENT', 'ELOOP'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}
