// The servers that live on this database: each has a row that it touches now and then, so that those who come can be
// compared with those who are there, and keys of one are not revoked by another.
import { createHash } from 'node:crypto';
import { readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { sql } from 'kysely';
import { DisagreementError, disagreements } from '../agreement.ts';
import { isGone } from '../pid.ts';
import type { AudioFolder } from './audio.ts';
import type { Db, Trx } from './database.ts';
import { hashOfKey } from './keys.ts';
import { LIVES } from './liveness.ts';

export type Self = {
  id: string;
  roles: readonly string[];
  apiKeys: readonly string[];
  secretPrints: readonly string[];
  /** Transcriptions it does at a time; absent: none. */
  places?: number;
};

/** What identifies a secret without telling it. */
export function printOf(secret: string): string {
  return createHash('sha256').update(`print\0${secret}`).digest('hex').slice(0, 32);
}

/** One at a time. Throws {@link DisagreementError} for a server that must not run beside the others. */
export function register(
  db: Db,
  self: Self,
  storage: string,
  /** Null for a server that needs no audio. */
  folder: Pick<AudioFolder, 'identity' | 'identify'> | null,
): Promise<void> {
  return db.transaction().execute(async (trx) => {
    await sql`SELECT pg_advisory_xact_lock(hashtext('ringback process'))`.execute(trx);
    await removeDead(trx);
    const installation = await trx
      .selectFrom('installation')
      .select(['id', 'storage_id'])
      .executeTakeFirstOrThrow();
    const members = await trx.selectFrom('process').selectAll().execute();
    const storageId = (await folder?.identity()) ?? null;
    const problems = disagreements(
      { roles: self.roles, secretPrints: self.secretPrints, storage, storageId },
      {
        storageId: installation.storage_id,
        members: members.map((row) => ({ ...row, secretPrints: row.secret_prints })),
      },
    );
    if (problems.length > 0) throw new DisagreementError(problems);
    const agreedId = installation.storage_id ?? storageId ?? installation.id;
    if (folder && storageId === null) await folder.identify(agreedId);
    if (folder) await trx.updateTable('installation').set({ storage_id: agreedId }).execute();
    await insertSelf(trx, self);
  });
}

async function insertSelf(
  db: Db | Trx,
  { id, roles, apiKeys, secretPrints, places = 0 }: Self,
): Promise<void> {
  await db
    .insertInto('process')
    .values({
      id,
      host: hostname(),
      pid: process.pid,
      pid_space: await pidSpace(),
      roles: [...roles],
      places,
      key_hashes: apiKeys.map(hashOfKey),
      secret_prints: [...secretPrints],
    })
    .execute();
}

/** Those not heard of, and those of this machine whose process is gone: a server that was killed may start again at once. */
async function removeDead(trx: Trx): Promise<void> {
  await trx
    .deleteFrom('process')
    .where((e) => e.not(LIVES))
    .execute();
  const space = await pidSpace();
  const here = await trx
    .selectFrom('process')
    .select(['id', 'pid'])
    .where('host', '=', hostname())
    .where('pid_space', 'is not distinct from', space)
    .execute();
  const gone = here.filter(({ pid }) => isGone(pid)).map(({ id }) => id);
  if (gone.length > 0) await trx.deleteFrom('process').where('id', 'in', gone).execute();
}

/** Two containers of one host name number their processes apart. */
async function pidSpace(): Promise<string | null> {
  return process.platform === 'linux' ? readlink('/proc/self/ns/pid') : null;
}

/** True when the row was there; false when others took us for dead meanwhile: it is there again. */
export async function beat(db: Db, self: Self): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('process')
    .set({ beat_at: sql`now()` })
    .where('id', '=', self.id)
    .executeTakeFirst();
  if (numUpdatedRows === 1n) return true;
  await insertSelf(db, self);
  return false;
}

export async function leave(db: Db, id: string): Promise<void> {
  await db.deleteFrom('process').where('id', '=', id).execute();
}

/** The embedded database belongs to this process alone: whoever else has a row was killed. */
export async function forgetOthers(db: Db): Promise<void> {
  await db.deleteFrom('process').execute();
}
