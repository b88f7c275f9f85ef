// A file of an account that is too large for the buffers of a connection whose far end does not read.
import { writeFile } from 'node:fs/promises';
import type { Api } from './api.ts';

const BYTES = 30_000_000;

/** Its path at the API. */
export async function insertLargeFile({ db, account, audio }: Api): Promise<string> {
  const id = crypto.randomUUID();
  await db
    .insertInto('audio')
    .values({
      id,
      account_id: account,
      filename: 'a',
      extension: 'wav',
      bytes: BYTES,
      source_url: null,
      duration: 1,
      channels: 1,
    })
    .execute();
  await writeFile(audio.incoming(id), Buffer.alloc(BYTES));
  await audio.keep(id);
  return `/file/${id}`;
}
