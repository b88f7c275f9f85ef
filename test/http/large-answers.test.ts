// Records of many megabytes, asked for by more readers than memory could hold answers for.
import type { Socket } from 'node:net';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { USUAL_PATIENCE } from '../../src/http/patience.ts';
import { createKey } from '../../src/store/keys.ts';
import { type Api, startApi } from '../rig/api.ts';
import { insertAnyJob } from '../rig/job.ts';
import { openRaw, type Raw } from '../rig/raw.ts';

const BYTES = 12_000_000;

let api: Api;
let url: string;
const sockets = new Set<Socket>();
beforeAll(async () => {
  api = await startApi({ front: { connections: 200, patience: { ...USUAL_PATIENCE, answerMs: 1_000 } } });
  url = await api.server.listen({ host: '127.0.0.1', port: 0 });
  api.server.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
});
afterAll(() => api.stop());

async function largeJob(account: string): Promise<string> {
  const id = await insertAnyJob(api.db, account);
  await sql`
    UPDATE job SET state = 'done', completed_at = now(), result = '"' || repeat('x', ${BYTES}) || '"'
    WHERE id = ${id}`.execute(api.db);
  return id;
}

const held = () => [...sockets].reduce((sum, { writableLength }) => sum + writableLength, 0);

test.each(['/v2/pre-recorded/ID', '/v2/pre-recorded?limit=1'])(
  '16 readers of %s who take nothing hold the memory of three answers',
  async (path) => {
    const mine = await createKey(api.db, 'mine');
    const id = await largeJob(mine.accountId);
    const theirs = await createKey(api.db, 'theirs');
    const other = await largeJob(theirs.accountId);
    const readers: Raw[] = await Promise.all(
      Array.from({ length: 16 }, () => openRaw(url, { reads: false })),
    );
    for (const { socket } of readers)
      socket.write(`GET ${path.replace('ID', id)} HTTP/1.1\r\nhost: x\r\nx-gladia-key: ${mine.key}\r\n\r\n`);
    await expect.poll(held, { timeout: 20_000 }).toBeGreaterThan(BYTES / 4);
    let most = 0;
    const look = setInterval(() => {
      most = Math.max(most, held());
    }, 5);
    // Another account does not wait for them.
    const answer = await fetch(`${url}/v2/pre-recorded/${other}`, {
      headers: { 'x-gladia-key': theirs.key },
    });
    expect((await answer.text()).length).toBeGreaterThan(BYTES);
    // Each in its turn is given up, and the last has had its turn.
    await expect.poll(() => sockets.size, { timeout: 45_000 }).toBeLessThanOrEqual(1);
    clearInterval(look);
    expect(most).toBeLessThan(5 * BYTES);
  },
);
