// Waiting times moved in the database, whose clock is the one that counts: for tests that may not wait a minute for a
// lease. Tokens and runs still fence every write, so nothing here can hide a double.
import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from 'pg';

/** As if the leases of runs, the pauses and the open breakers of this moment were over. */
export async function endWaits(client: Client): Promise<void> {
  await client.query(
    `UPDATE ringback.job SET lease_until = least(lease_until, now())
     WHERE id IN (SELECT id FROM ringback.job WHERE state = 'processing' AND lease_until < 'infinity' FOR UPDATE SKIP LOCKED)`,
  );
  // Locks in order of id, as everywhere.
  await client.query(
    `WITH waiting AS (
       SELECT id FROM ringback.endpoint WHERE disabled_at IS NULL AND next_due IS NOT NULL ORDER BY id FOR UPDATE)
     UPDATE ringback.endpoint SET open_until = least(open_until, now()), paused_until = least(paused_until, now()),
       next_due = least(next_due, now()) FROM waiting WHERE endpoint.id = waiting.id`,
  );
}

/** As if the leases of endpoints were over, held by the living or not. */
export async function endLeases(client: Client): Promise<void> {
  await client.query(
    `WITH held AS (SELECT id FROM ringback.endpoint WHERE leased_until IS NOT NULL ORDER BY id FOR UPDATE)
     UPDATE ringback.endpoint SET leased_until = least(leased_until, now() - interval '1 millisecond'),
       next_due = least(next_due, now())
     FROM held WHERE endpoint.id = held.id`,
  );
}

/**
 * Rows that are not in a final state, and endpoints not given back: where the connection that gave one back was dead, it
 * is taken over once its lease is over.
 */
async function unfinished(client: Client): Promise<{ jobs: number; callbacks: number; leases: number }> {
  const { rows } = await client.query<{ jobs: string; callbacks: string; leases: string }>(
    `SELECT (SELECT count(*) FROM ringback.job WHERE state IN ('queued', 'processing')) AS jobs,
       (SELECT count(*) FROM ringback.delivery WHERE state IN ('pending', 'delivering')) AS callbacks,
       (SELECT count(*) FROM ringback.endpoint WHERE leased_until IS NOT NULL) AS leases`,
  );
  const [row] = rows;
  return { jobs: Number(row?.jobs), callbacks: Number(row?.callbacks), leases: Number(row?.leases) };
}

/** Seconds until nothing is open; null when they were not enough. */
export async function settled(
  client: Client,
  seconds: number,
  tell: (line: string) => void,
): Promise<number | null> {
  const started = performance.now();
  let told = 0;
  for (;;) {
    const left = await unfinished(client);
    const took = (performance.now() - started) / 1_000;
    if (left.jobs + left.callbacks + left.leases === 0) return took;
    if (took > seconds) return null;
    if (took > told + 15) {
      told = took;
      tell(
        `settling for ${Math.round(took)} s: ${left.jobs} jobs, ${left.callbacks} callbacks and ${left.leases} leases are open`,
      );
    }
    await wait(250);
  }
}
