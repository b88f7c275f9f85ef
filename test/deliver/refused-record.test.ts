// An answer that PostgreSQL refuses to keep, whatever let it through to there, beside others: all of them get on record.
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDeliver } from '../../src/deliver/start.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { generateSecret } from '../../src/signature.ts';
import { openDelivery } from '../../src/store/deliveries.ts';
import { insertAccount } from '../rig/account.ts';
import { ANY_DELIVER } from '../rig/deliver-deps.ts';
import { anyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let leave: () => Promise<void>;
beforeAll(async () => {
  database = await migratedDatabase();
  leave = await database.join();
});
afterAll(async () => {
  await leave();
  await database.drop();
});

/** Answers 302 where the URL says `odd`, with a location that no text of PostgreSQL can hold. */
class Odd extends Outbound {
  override async exchange({ url }: { url: string }) {
    const headers = url.includes('odd') ? { location: 'a\0b' } : {};
    return {
      head: { status: url.includes('odd') ? 302 : 200, headers },
      failure: null,
      body: 'complete',
      bodyFailure: null,
      announced: 0,
      bodyBytes: 0,
      address: '192.0.2.1',
      reused: false,
      phases: {},
      durationMs: 1,
    } as const;
  }
}

test('it is recorded without what the far end said, and its neighbours as they are', async () => {
  const account = await insertAccount(database.db);
  const stop = await startDeliver({
    ...ANY_DELIVER,
    database,
    outbound: new Odd({ policy: { allow: [], own: [] } }),
    secretsOf: async () => [generateSecret()],
    schedule: [0],
    deadlineMs: 1_000,
  });
  await database.db.commit(async (trx) => {
    for (let n = 0; n < 12; n++)
      await openDelivery(trx, anyDelivery(account, `http://h${n}.example/${n === 5 ? 'odd' : 'plain'}`));
  });
  const states = async () => {
    const { rows } = await sql<{ state: string; count: string }>`
      SELECT state, count(*) FROM delivery WHERE account_id = ${account} GROUP BY state`.execute(database.db);
    return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
  };
  try {
    expect(await eventually(states, ({ delivered, failed }) => delivered === 11 && failed === 1)).toEqual({
      delivered: 11,
      failed: 1,
    });
    const { rows } = await sql`
      SELECT attempt.status, location, reason FROM attempt JOIN delivery ON delivery.id = delivery_id
      WHERE account_id = ${account} AND state = 'failed'`.execute(database.db);
    expect(rows).toMatchObject([
      { status: 302, location: null, reason: expect.stringContaining('could not be kept') },
    ]);
  } finally {
    await stop();
  }
}, 20_000);
