// Stored uploads: a file per id in one folder, and the row that owns it. A file without a row is rubbish a crash left.
import { randomUUID } from 'node:crypto';
import type { ReadStream } from 'node:fs';
import { mkdir, open, opendir, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Selectable } from 'kysely';
import type { Db } from './database.ts';
import { type Answer, type KeyedRequest, keepAnswers } from './idempotency.ts';
import type { Schema } from './schema.ts';

export type AudioRow = Selectable<Schema['audio']>;

export type AudioFolder = {
  /** Where the bytes of this id are, or would be. */
  path(id: string): string;
  /** Where bytes may be collected before {@link AudioFolder.keep}: the same file system. */
  incoming(id: string): string;
  /** Makes collected bytes durable under their id. */
  keep(id: string): Promise<void>;
  read(id: string): Promise<{ stream: ReadStream; bytes: number } | undefined>;
  remove(id: string): Promise<void>;
  /** Every file that carries an id, in no order; anything else in the folder is none of our business. */
  files(): AsyncIterable<StoredFile>;
  /** What the folder says it is, so that servers can tell whether they share it; null: nothing yet. */
  identity(): Promise<string | null>;
  identify(id: string): Promise<void>;
  /** Whether the folder is this database's; one that is nobody's becomes so. */
  belongsTo(databaseId: string): Promise<boolean>;
};

export type StoredFile = { id: string; path: string; incoming: boolean };

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export async function openAudioFolder(folder: string): Promise<AudioFolder> {
  const path = (id: string) => join(folder, id.slice(0, 2), id);
  const incoming = (id: string) => join(folder, 'incoming', id);
  await mkdir(join(folder, 'incoming'), { recursive: true, mode: 0o700 });
  return {
    path,
    incoming,
    async keep(id) {
      await mkdir(join(folder, id.slice(0, 2)), { recursive: true, mode: 0o700 });
      await rename(incoming(id), path(id));
      // Accepted means stored: the bytes and the folder entry, before anyone is told the id.
      await syncToDisk(path(id));
      await syncToDisk(join(folder, id.slice(0, 2)));
    },
    async read(id) {
      // Opened before anything is answered: without a descriptor left, the request can still be refused.
      const file = await open(path(id), 'r').catch(ignoreMissing);
      if (!file) return undefined;
      try {
        const { size } = await file.stat();
        return { stream: file.createReadStream(), bytes: size };
      } catch (error) {
        await file.close();
        throw error;
      }
    },
    async remove(id) {
      await unlink(path(id)).catch(ignoreMissing);
      await unlink(incoming(id)).catch(ignoreMissing);
    },
    async *files() {
      for (const { name } of await readdir(folder, { withFileTypes: true })) {
        if (name !== 'incoming' && !/^[0-9a-f]{2}$/.test(name)) continue;
        for await (const entry of await opendir(join(folder, name)))
          if (entry.isFile() && ID.test(entry.name))
            yield { id: entry.name, path: join(folder, name, entry.name), incoming: name === 'incoming' };
      }
    },
    async identity() {
      const id = await readFile(join(folder, 'storage-id'), 'utf8').catch(ignoreMissing);
      return id?.trim() ?? null;
    },
    identify: (id) => writeWhole(folder, 'storage-id', id),
    async belongsTo(databaseId) {
      const owner = await readFile(join(folder, 'owner'), 'utf8').catch(ignoreMissing);
      if (owner !== undefined) return owner.trim() === databaseId;
      await writeWhole(folder, 'owner', databaseId);
      return true;
    },
  };
}

/** Whole or not at all: half a name would be another one. */
async function writeWhole(folder: string, name: string, content: string): Promise<void> {
  const draft = join(folder, `${name}-${randomUUID()}`);
  await writeFile(draft, `${content}\n`, { mode: 0o600 });
  await rename(draft, join(folder, name));
}

async function syncToDisk(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

export type NewAudio = Omit<AudioRow, 'created_at'>;

/** The row, and the answer under the request's key where it has one; throws `idempotency_key_taken`. */
export async function insertAudio(
  db: Db,
  audio: NewAudio,
  keep?: { keyed: KeyedRequest; answer: Answer } | null,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx.insertInto('audio').values(audio).execute();
    if (keep) await keepAnswers(trx, [{ ...keep, owner: { audio_id: audio.id } }]);
  });
}

/** Removes the row of an upload that no job uses; false: one does, and its file has to stay. */
export async function removeUnused(db: Db, id: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('audio')
    .where('id', '=', id)
    .where((e) => e.not(e.exists(e.selectFrom('job').select('id').where('job.audio_id', '=', id))))
    .executeTakeFirst();
  return numDeletedRows === 1n;
}

export function findAudio(db: Db, accountId: string, id: string): Promise<AudioRow | undefined> {
  return db
    .selectFrom('audio')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .executeTakeFirst();
}
