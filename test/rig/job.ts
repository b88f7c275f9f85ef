// A job of no particular kind, committed as the API would.
import { randomUUID } from 'node:crypto';
import type { TellingDb } from '../../src/store/database.ts';
import type { Queue } from '../../src/store/queue.ts';
import { insertJob } from '../../src/store/submissions.ts';

/** Its id. */
export async function insertAnyJob(db: TellingDb, queue: Queue, accountId: string): Promise<string> {
  const id = randomUUID();
  await insertJob(db, queue, {
    id,
    accountId,
    audioUrl: 'https://cdn.example.org/a.mp3',
    audioId: null,
    request: {},
    customMetadata: null,
    callback: null,
  });
  return id;
}
