/** Owns the lock that lets one Ringback process at a time use a data folder. */
import { readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { EmbeddedError } from './embedded-error.ts';

/**
 * Takes the lock of `folder` or throws `embedded_in_use`. The lock ends with the process, however it ends.
 *
 * Held by the kernel, not by a pid in a file: SQLite's exclusive transaction is a POSIX record lock, the one kind that Node can
 * take without native code. `kill -9` frees it, a reused pid cannot fake it, it needs no /proc, and it holds between containers
 * that share a volume. This is what tells the two look-alikes apart: PostgreSQL running under a live Ringback (refuse) and
 * PostgreSQL left behind by a dead one (stop it, go on). The `owner` file beside it is only for the message.
 *
 * Nothing in this process may open `lock` by other means: closing any descriptor of a file drops its POSIX locks.
 */
export async function lockFolder(folder: string): Promise<{ release(): void }> {
  const owner = path.join(folder, 'owner');
  // Imported here because Node 22 warns about an experimental feature, which users of DATABASE_URL need not see.
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(path.join(folder, 'lock'));
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE'); // no journal file to leave behind
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== 5) throw error; // SQLITE_BUSY
    const holder = (await readFile(owner, 'utf8').catch(() => '')).trim();
    throw new EmbeddedError(
      'embedded_in_use',
      `The database in ${folder} is already in use by ${holder || 'another Ringback process'}. ` +
        'Stop that one, give this one another RINGBACK_DATA_DIR, or let both share one server with DATABASE_URL.',
    );
  }
  let held = true;
  const lock = {
    release() {
      if (held) database.close();
      held = false;
    },
  };
  try {
    await writeFile(owner, `pid ${process.pid} on ${os.hostname()}\n`, { mode: 0o600 });
  } catch (error) {
    lock.release();
    throw error;
  }
  return lock;
}
