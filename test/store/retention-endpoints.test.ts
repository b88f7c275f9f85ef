// Endpoints and hosts that nothing has been sent to for the retention's time, and callbacks that waited so long for a receiver
// that is gone; never at the cost of a callback that is just being opened.
import { sql } from 'kysely';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AudioFolder } from '../../src/store/audio.ts';
import { findDelivery, openDelivery, resend } from '../../src/store/deliveries.ts';
import { removeEndpoint, sweepRemoved } from '../../src/store/endpoint-removal.ts';
import { addTallies } from '../../src/store/endpoints.ts';
import { listHosts } from '../../src/store/hosts.ts';
import { createReplay, stepReplay } from '../../src/store/replays.ts';
import { removeExpired } from '../../src/store/retention.ts';
import { onlyAccount } from '../rig/account.ts';
import { anyDelivery, openAnyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';

const DAY = 86_400_000;
const URL_A = 'https://a.example.org/hooks';
let database: Awaited<ReturnType<typeof migratedDatabase>>;
let account: string;
beforeAll(async () => {
  database = await migratedDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  account = await onlyAccount(database.db);
});

const open = (url = URL_A) => openAnyDelivery(database.db, account, url);
const round = () =>
  removeExpired(
    {
      db: database.db,
      audio: { remove: async () => {} } as unknown as AudioFolder,
      retentionMs: 30 * DAY,
      log: pino({ level: 'silent' }),
    },
    new AbortController().signal,
  );
const age = (days: number, url = '%') =>
  sql`UPDATE endpoint SET created_at = now() - ${days} * interval '1 day' WHERE url LIKE ${url}`.execute(
    database.db,
  );
const ended = (id: string, days: number, state = 'delivered') =>
  sql`UPDATE delivery SET state = ${state}, reason = CASE ${state} WHEN 'delivered' THEN NULL ELSE 'x' END, due_at = NULL,
    token = NULL, claimed_at = NULL, final_at = now() - ${days} * interval '1 day' WHERE id = ${id}`.execute(
    database.db,
  );
const urls = async () =>
  (await database.db.selectFrom('endpoint').select('url').orderBy('url').execute()).map(({ url }) => url);
const origins = async () =>
  (await listHosts(database.db, account, { limit: 100 })).map(({ origin }) => origin);
const set = (what: string, url = URL_A) =>
  sql`UPDATE endpoint SET ${sql.raw(what)} WHERE url = ${url}`.execute(database.db);

test('an idle endpoint goes with its host; one that is young, has waiting callbacks, hours or a holder stays', async () => {
  const make = async (name: string) => {
    const url = `https://${name}.example.org/`;
    await ended(await open(url), 31);
    return url;
  };
  const idle = await make('idle');
  const young = await make('young');
  const counted = await make('counted');
  const leased = await make('leased');
  const disabled = await make('disabled');
  const long = await make('long-disabled');
  const waits = 'https://waits.example.org/';
  await open(waits);
  const sends = 'https://sends.example.org/';
  const sending = await open(sends);
  await sql`UPDATE delivery SET state = 'delivering', due_at = NULL, token = 1, claimed_at = now() WHERE id = ${sending}`.execute(
    database.db,
  );
  await age(31);
  await age(29, young);
  await sql`INSERT INTO endpoint_hour SELECT id, date_trunc('hour', now() - interval '29 days'), 1, 0 FROM endpoint
    WHERE url = ${counted}`.execute(database.db);
  await sql`INSERT INTO endpoint_hour SELECT id, date_trunc('hour', now() - interval '31 days'), 1, 0 FROM endpoint
    WHERE url = ${idle}`.execute(database.db);
  await set(`leased_until = now() + interval '1 minute'`, leased);
  await set(`disabled_at = now(), disabled_reason = 'x', next_due = NULL`, disabled);
  await set(`disabled_at = now() - interval '31 days', disabled_reason = 'x', next_due = NULL`, long);
  expect(await round()).toMatchObject({ endpoints: 2, hosts: 2, given_up: 0, deliveries: 6 });
  expect(await urls()).toEqual([counted, disabled, leased, sends, waits, young].toSorted());
  expect((await origins()).toSorted()).toEqual(
    [counted, disabled, leased, sends, waits, young].map((url) => url.slice(0, -1)).toSorted(),
  );
  expect(await round()).toMatchObject({ endpoints: 0, hosts: 0 });
});

test('a host stays for as long as one of its endpoints does', async () => {
  for (const path of ['one', 'two']) await ended(await open(`https://a.example.org/${path}`), 31);
  await age(31, '%one');
  expect(await round()).toMatchObject({ endpoints: 1, hosts: 0 });
  await age(31);
  expect(await round()).toMatchObject({ endpoints: 1, hosts: 1 });
});

test('more endpoints than a batch has, with as many hosts', async () => {
  await sql`INSERT INTO endpoint (account_id, url, created_at)
    SELECT ${account}, 'https://' || n || '.example.org/', now() - interval '31 days' FROM generate_series(1, 3000) AS n`.execute(
    database.db,
  );
  await sql`UPDATE endpoint SET next_due = NULL`.execute(database.db);
  await open('https://1.example.org/');
  expect(await round()).toMatchObject({ endpoints: 2_999, hosts: 2_999 });
  expect([await urls(), await origins()]).toEqual([['https://1.example.org/'], ['https://1.example.org']]);
});

test('what waits for a receiver that is gone is given up, then goes in its time with all else', async () => {
  const [old, recent, resentSince] = [await open(), await open(), await open()];
  const flaky = 'https://flaky.example.org/';
  const [failing, healthy] = [await open(flaky), await open('https://healthy.example.org/')];
  await sql`UPDATE delivery SET due_at = now() - interval '31 days', created_at = now() - interval '40 days'
    WHERE id <> ${recent}`.execute(database.db);
  await set(`disabled_at = now() - interval '31 days', disabled_reason = 'gone', next_due = NULL`);
  await set(`failing_since = now() - interval '31 days', failures = 400`, flaky);
  expect(await resend(database.db, account, resentSince)).toBe('resent');
  const told: unknown[] = [];
  const deaf = database.db.teller.hear((news) => told.push(news));
  expect(await round()).toMatchObject({ given_up: 2, deliveries: 0, endpoints: 0 });
  deaf();
  expect(told).toContainEqual(expect.objectContaining({ kind: 'delivery', id: old, state: 'cancelled' }));
  expect(await findDelivery(database.db, account, old)).toMatchObject({
    state: 'cancelled',
    reason: expect.stringMatching(/^given up: .*RINGBACK_RETENTION/),
  });
  expect((await findDelivery(database.db, account, failing))?.state).toBe('cancelled');
  for (const id of [recent, resentSince, healthy])
    expect((await findDelivery(database.db, account, id))?.state).toBe('pending');
  // Disabled for a week: it has not been out for all that time.
  await set(`disabled_at = now() - interval '7 days', failing_since = NULL`);
  await sql`UPDATE delivery SET due_at = now() - interval '31 days' WHERE state = 'pending'`.execute(
    database.db,
  );
  expect(await round()).toMatchObject({ given_up: 0 });
  await sql`UPDATE delivery SET final_at = now() - interval '31 days' WHERE state = 'cancelled'`.execute(
    database.db,
  );
  expect(await round()).toMatchObject({ deliveries: 2 });
});

test('a backlog of 5,000 at an endpoint that is gone is given up in one round', async () => {
  await open();
  await sql`
    INSERT INTO delivery (id, account_id, job_id, endpoint_id, url, method, event, form, asked_form, full_body,
      reference_body, due_at)
    SELECT gen_random_uuid(), account_id, gen_random_uuid(), endpoint_id, url, method, event, form, asked_form, full_body,
      reference_body, now() FROM delivery, generate_series(1, 4999)`.execute(database.db);
  await sql`UPDATE delivery SET due_at = now() - interval '31 days'`.execute(database.db);
  await set(`disabled_at = now() - interval '31 days', disabled_reason = 'gone', next_due = NULL`);
  expect(await round()).toMatchObject({ given_up: 5_000 });
});

/** Statements that wait for a lock. */
const waiting = async () =>
  (
    await sql`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`.execute(
      database.db,
    )
  ).rows.length;

test('a callback that is just being opened keeps its endpoint; one that comes as it goes makes it anew', async () => {
  await ended(await open(), 31);
  await age(31);
  let id = '';
  await database.db.commit(async (trx) => {
    id = await openDelivery(trx, anyDelivery(account, URL_A));
    expect(await round()).toMatchObject({ endpoints: 0, hosts: 0 });
    expect(
      (await removeEndpoint(database.db, account, (await only()).id, performance.now() + 5_000))?.cancelled,
    ).toBe(0);
  });
  // Removed while it was being opened: the sweep finds it.
  expect((await findDelivery(database.db, account, id))?.state).toBe('pending');
  expect(await sweepRemoved(database.db)).toBe(1);
  expect((await findDelivery(database.db, account, id))?.state).toBe('cancelled');
  expect([await urls(), (await round()).hosts]).toEqual([[], 1]);

  // The other way round: the endpoint and its host are being removed as a callback is opened.
  await ended(await open(), 31);
  let opening: Promise<string> | undefined;
  await database.db.transaction().execute(async (trx) => {
    await sql`SELECT FROM endpoint FOR UPDATE`.execute(trx);
    await sql`SELECT FROM host FOR UPDATE`.execute(trx);
    await sql`DELETE FROM endpoint`.execute(trx);
    await sql`DELETE FROM host`.execute(trx);
    opening = open();
    await eventually(waiting, (count) => count === 1);
  });
  const opened = await findDelivery(database.db, account, (await opening) ?? '');
  const { id: anew } = await only();
  expect(opened).toMatchObject({ state: 'pending', endpoint_id: anew, present_endpoint_id: anew });
  expect(await origins()).toEqual(['https://a.example.org']);
});

const only = () => database.db.selectFrom('endpoint').select(['id', 'next_due']).executeTakeFirstOrThrow();

test('callbacks opened, retention and removals at once: every callback ends up at an endpoint, or cancelled', async () => {
  let over = false;
  const opened: string[] = [];
  const openers = Array.from({ length: 4 }, async (_, n) => {
    for (let count = 0; count < 60; count++) {
      const id = await open(`https://${(n + count) % 3}.example.org/`);
      opened.push(id);
      if (count % 2 === 0) await ended(id, 31);
    }
  });
  const remover = (async () => {
    while (!over) {
      await age(31);
      await round();
      const [one] = await database.db
        .selectFrom('endpoint')
        .select('id')
        .where('removed_at', 'is', null)
        .limit(1)
        .execute();
      if (one) await removeEndpoint(database.db, account, one.id, performance.now() + 5_000);
      await sweepRemoved(database.db);
    }
  })();
  await Promise.all(openers);
  over = true;
  await remover;
  await sweepRemoved(database.db);
  const { rows } = await sql`
    SELECT FROM delivery WHERE state IN ('pending', 'delivering')
      AND NOT EXISTS (SELECT FROM endpoint WHERE endpoint.id = delivery.endpoint_id AND removed_at IS NULL)`.execute(
    database.db,
  );
  expect([opened.length, rows.length]).toEqual([240, 0]);
}, 60_000);

test('a replay of what went to an endpoint that is gone makes it anew, one for each URL', async () => {
  const ids = [await open(), await open(`${URL_A}?job=2`), await open('https://b.example.org/')];
  for (const id of ids) await ended(id, 1, 'failed');
  await sql`DELETE FROM endpoint`.execute(database.db);
  await createReplay(database.db, account, { state: ['failed'] }, { rate: 1_000 });
  expect(await stepReplay(database.db)).toMatchObject({ matched: 3, resent: 3 });
  expect(await urls()).toEqual([URL_A, 'https://b.example.org/']);
  for (const id of ids) {
    const row = await findDelivery(database.db, account, id);
    expect(row?.state).toBe('pending');
    expect(row?.present_endpoint_id).toBe(row?.endpoint_id);
  }
  expect(
    (await database.db.selectFrom('endpoint').select('next_due').execute()).every((row) => row.next_due),
  ).toBe(true);
});

test('attempts that are counted after their endpoint has gone tell nobody, and do not lose those of others', async () => {
  await open();
  const { id } = await only();
  const hour = new Date();
  hour.setUTCMinutes(0, 0, 0);
  await addTallies(database.db, [
    { endpointId: id, hour, succeeded: 2, failed: 1 },
    { endpointId: '00000000-0000-4000-8000-000000000000', hour, succeeded: 1, failed: 1 },
  ]);
  expect(await database.db.selectFrom('endpoint_hour').selectAll().execute()).toMatchObject([
    { endpoint_id: id, succeeded: 2, failed: 1 },
  ]);
});
