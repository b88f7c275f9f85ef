// Clocks that step by an hour under one of two senders: nothing early, nothing lost, no stale signature. The pure
// watching first, then two deliver roles on one database.
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WatchedClock } from '../../src/deliver/clock.ts';
import { startDeliver } from '../../src/deliver/start.ts';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { generateSecret } from '../../src/signature.ts';
import { findDelivery, listAttempts } from '../../src/store/deliveries.ts';
import { insertAccount } from '../rig/account.ts';
import { ANY_DELIVER } from '../rig/deliver-deps.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { startReceiver } from '../rig/receiver.ts';

const secret = generateSecret();
const HOUR = 3_600_000;

/** A log, and what it was told of level error. */
function listening() {
  const errors: string[] = [];
  const write = (line: string) => {
    errors.push(JSON.parse(line).msg);
  };
  return { log: pino({ level: 'error' }, { write }), errors };
}

test('a step is seen before the next measurement, a drift by it; one word in the log for each', async () => {
  const { log, errors } = listening();
  let stepped = 0;
  let measured = 4_000;
  const clock = new WatchedClock({
    now: () => new Date(Date.now() + stepped),
    measure: async () => measured,
    log,
  });
  await clock.check();
  expect([clock.isRight, Math.round(clock.offsetMs / 1_000)]).toEqual([true, 4]);
  stepped = -HOUR;
  expect([clock.isRight, clock.isRight, Math.round(clock.offsetMs / 1_000)]).toEqual([false, false, -3_596]);
  expect(errors).toHaveLength(1);
  stepped = 0;
  expect(clock.isRight).toBe(true);
  // The monotonic clock stood still while the machine slept, the wall clock did not: only a measurement can tell.
  stepped = HOUR;
  expect(clock.isRight).toBe(false);
  await clock.check();
  expect(clock.isRight).toBe(true);
  measured = 30_500;
  await clock.check();
  expect(clock.isRight).toBe(false);
  const before = errors.length;
  await clock.check();
  expect(errors).toHaveLength(before + 1);
});

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let outbound: Outbound;
let account: string;

beforeAll(async () => {
  database = await migratedDatabase();
  outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
  const { db } = database;
  account = await insertAccount(db);
});
afterAll(async () => {
  outbound.close();
  await database.drop();
});

test.each([
  ['ahead', HOUR],
  ['behind', -HOUR],
])(
  'a worker whose clock steps to an hour %s sends nothing until it is right again',
  async (_, hour) => {
    const arrivals: { id: string; sender: string; attempt: number; at: number; stamp: number }[] = [];
    const receiver = await startReceiver({
      respond: ({ headers }) => {
        const attempt = Number(headers['ringback-attempt']);
        arrivals.push({
          id: headers['webhook-id'] as string,
          sender: headers['user-agent'] as string,
          attempt,
          at: Date.now(),
          stamp: Number(headers['webhook-timestamp']) * 1_000,
        });
        return { status: attempt < 3 ? 503 : 200, headers: retryAfter(attempt) };
      },
    });
    // A date, judged against a clock that is an hour off, would be long over or an hour away.
    const retryAfter = (attempt: number): Record<string, string> =>
      attempt === 1 ? { 'retry-after': new Date(Date.now() + 2_000).toUTCString() } : {};
    let stepped = 0;
    const { log, errors } = listening();
    const role = (version: string, now: () => Date) =>
      startDeliver({
        ...ANY_DELIVER,
        database,
        outbound,
        secretsOf: async () => [secret],
        // The receiver is well at the third; more only for a machine so busy that an attempt times out.
        schedule: [0, 100, 400, 1_000, 1_000, 1_000],
        deadlineMs: 5_000,
        endpointConcurrency: 1,
        version,
        now,
        log,
      });
    const stopRight = await role('right', () => new Date());
    const stopWrong = await role('wrong', () => new Date(Date.now() + stepped));
    const open = (count: number): Promise<string[]> =>
      Promise.all(
        Array.from({ length: count }, () => {
          const id = randomUUID();
          // An endpoint each, so that both senders get their share.
          return openAnyDelivery(database.db, account, `${receiver.url}/${id}`, { jobId: id });
        }),
      );
    const delivered = async (ids: readonly string[]) => {
      for (const id of ids)
        await eventually(
          () => findDelivery(database.db, account, id),
          (row) => row?.state === 'delivered',
          40_000,
        );
    };
    const by = (version: string, ids: readonly string[]) =>
      arrivals.filter(({ sender, id }) => sender === `Ringback/${version}` && ids.includes(id));

    // Both work; the step comes while they do.
    const first = await open(60);
    await eventually(
      () => [by('right', first).length, by('wrong', first).length],
      ([right = 0, wrong = 0]) => right > 0 && wrong > 0,
    );
    stepped = hour;
    const second = await open(40);
    await delivered([...first, ...second]);
    expect(by('wrong', second)).toEqual([]);
    expect(errors[0]).toContain('clock is too far');

    // Alone, it still sends nothing; set right, it sends at once.
    await stopRight();
    const third = await open(10);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(by('wrong', third)).toEqual([]);
    stepped = 0;
    await delivered(third);
    expect(by('wrong', third).length).toBeGreaterThanOrEqual(30);
    await stopWrong();

    // No stale signature.
    for (const { at, stamp } of arrivals) expect(Math.abs(at - stamp)).toBeLessThan(30_000);
    // Nothing early: no attempt before the time that was planned when the one before it was recorded.
    const rows = await listAttempts(database.db, [...first, ...second, ...third]);
    const planned = new Map(rows.map((row) => [`${row.delivery_id} ${row.number}`, row.next_at]));
    for (const { id, attempt, at } of arrivals) {
      const due = planned.get(`${id} ${attempt - 1}`);
      if (attempt > 1) expect(at).toBeGreaterThanOrEqual(Number(due));
    }
    // Nothing twice, but for what the step interrupted.
    const ids = [...first, ...second, ...third];
    expect(new Set(arrivals.map(({ id }) => id))).toEqual(new Set(ids));
    await receiver.close();
  },
  120_000,
);
