// Audio files that no row owns: a process died between writing the file and the row, or between removing the row and
// the file. They are removed once they are so old that nobody can still be about to write their row.
import { rm, stat } from 'node:fs/promises';
import { sql } from 'kysely';
import type { Logger } from 'pino';
import type { AudioFolder, StoredFile } from './audio.ts';
import type { Db } from './database.ts';

/** A file that is being received or downloaded has no row yet. */
export const SAFE_AGE_MS = 48 * 3_600_000;
const BATCH = 500;

/** Removes what is rubbish for certain, and tells how many files that were. */
export async function removeOrphans(
  { db, audio, log }: { db: Db; audio: AudioFolder; log: Logger },
  signal: AbortSignal,
): Promise<number> {
  // With another database, every file would look like an orphan.
  const { id } = await db.selectFrom('installation').select('id').executeTakeFirstOrThrow();
  if (!(await audio.belongsTo(id))) {
    log.warn(
      'the storage folder belongs to another database: its files are left alone, also those without a row',
    );
    return 0;
  }
  let removed = 0;
  let batch: StoredFile[] = [];
  const settle = async () => {
    const owned = await ownedAmong(db, batch);
    for (const file of batch)
      if ((file.incoming || !owned.has(file.id)) && (await isOld(file.path))) {
        await rm(file.path, { force: true });
        removed++;
      }
    batch = [];
  };
  for await (const file of audio.files()) {
    if (signal.aborted) return removed;
    batch.push(file);
    if (batch.length === BATCH) await settle();
  }
  await settle();
  if (removed > 0) log.warn({ files: removed }, 'audio files that no row owned were removed');
  return removed;
}

async function ownedAmong(db: Db, files: readonly StoredFile[]): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    SELECT id FROM audio WHERE id = ANY(${files.map((file) => file.id)}::uuid[])`.execute(db);
  return new Set(rows.map((row) => row.id));
}

async function isOld(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > SAFE_AGE_MS;
  } catch (error) {
    // Moved or removed while we looked: somebody is at work on it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
