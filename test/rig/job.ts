// A job of no particular kind, committed as the API would.
import { randomUUID } from 'node:crypto';
import { insertAudio } from '../../src/store/audio.ts';
import type { TellingDb } from '../../src/store/database.ts';
import { insertJob } from '../../src/store/submissions.ts';

/** Its id. With audio that is here already it waits for a place, else for its download. */
export async function insertAnyJob(
  db: TellingDb,
  accountId: string,
  audioId: string | null = null,
): Promise<string> {
  const id = randomUUID();
  await insertJob(db, {
    id,
    accountId,
    audioUrl: 'https://cdn.example.org/a.mp3',
    audioId,
    request: {},
    customMetadata: null,
    callback: null,
  });
  return id;
}

/** An upload of no particular kind: a row without a file. */
export async function insertAnyAudio(db: TellingDb, accountId: string): Promise<string> {
  const id = randomUUID();
  await insertAudio(db, {
    id,
    account_id: accountId,
    filename: 'a.wav',
    extension: 'wav',
    bytes: 1,
    source_url: null,
    duration: 1,
    channels: 1,
  });
  return id;
}
