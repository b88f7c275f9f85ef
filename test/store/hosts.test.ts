// Hosts in the database: found by their endpoints, due when one of these is, raised when none is.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { enableEndpoint, markDue } from '../../src/store/endpoints.ts';
import { listHosts, remindHosts, settleHosts } from '../../src/store/hosts.ts';
import {
  ANY_HOST,
  type ClaimOptions,
  claimEndpoints,
  type LeasedEndpoint,
  record,
  releaseEndpoints,
} from '../../src/store/leases.ts';
import { insertAccount, onlyAccount } from '../rig/account.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { answering } from '../rig/health.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { recorded } from '../rig/recorded.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let account: string;
beforeAll(async () => {
  database = await migratedDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  account = await onlyAccount(database.db);
});

const open = (url: string, owner = account) => openAnyDelivery(database.db, owner, url);
const CLAIM: ClaimOptions = { endpoints: 64, room: () => 4, leaseMs: 60_000, told: [], hosts: ANY_HOST };
const claim = (particular: Partial<ClaimOptions> = {}) =>
  claimEndpoints(database.db, { ...CLAIM, ...particular });
/** Its transaction has marked the endpoint, and holds what it has locked until it may commit. */
async function markedNotCommitted(url: string): Promise<{ commit(): Promise<void> }> {
  const marked = Promise.withResolvers<void>();
  const mayCommit = Promise.withResolvers<void>();
  const committed = database.db.commit(async (trx) => {
    await markDue(trx, account, url, 0);
    marked.resolve();
    await mayCommit.promise;
  });
  await marked.promise;
  return {
    commit() {
      mayCommit.resolve();
      return committed;
    },
  };
}
const hosts = () => database.db.selectFrom('host').selectAll().orderBy('origin').execute();
const claimedUrls = async (particular = {}) =>
  (await claim(particular)).claimed.map(({ url }) => new URL(url).host + new URL(url).pathname);
/** As if so much time had gone by. */
const pass = (seconds: number) =>
  sql`UPDATE host SET next_due = next_due - ${seconds} * interval '1 second',
    open_until = open_until - ${seconds} * interval '1 second'`.execute(database.db);

/** All of a claim answered, and given back. */
async function finish(
  { leases, claimed }: Awaited<ReturnType<typeof claim>>,
  state: 'delivered' | 'pending',
) {
  const next = state === 'pending' ? { state, waitMs: 3_600_000 } : { state };
  await record(
    database.db,
    claimed.map((one) => recorded(one, next)),
    { endpoints: [], hosts: [] },
  );
  await releaseEndpoints(database.db, leases);
}

test('paths of one scheme, name and port are one host of their account', async () => {
  for (const url of [
    'https://a.example.org/1',
    'https://a.example.org/2?x=1',
    'https://a.example.org:8443/1',
  ])
    await open(url);
  await open('http://a.example.org/1');
  await open('https://a.example.org/1', await insertAccount(database.db));
  const mine = await listHosts(database.db, account, { limit: 10 });
  expect(
    mine.map(({ origin, endpoints, waiting_endpoints: waiting }) => [origin, endpoints, waiting]).sort(),
  ).toEqual([
    ['http://a.example.org', 1, 1],
    ['https://a.example.org', 2, 2],
    ['https://a.example.org:8443', 1, 1],
  ]);
});

test('a claim takes a few endpoints of a host nobody knows, many of a quick one, none of a full one or of a full account', async () => {
  for (let n = 0; n < 20; n++) {
    await open(`https://a.example.org/${n}`);
    await open(`https://b.example.org/${n}`);
  }
  const [a, b] = await hosts();
  const full = { quick: [], full: [a?.id as string], fullAccounts: [] };
  expect((await claim({ hosts: full })).leases).toHaveLength(4);
  const quick = { quick: [b?.id as string], full: [], fullAccounts: [account] };
  const { leases } = await claim({ hosts: quick });
  expect(new Set(leases.map(({ host }) => host.id))).toEqual(new Set([b?.id]));
  expect(leases).toHaveLength(16);
  expect((await claim({ hosts: { ...quick, quick: [] } })).leases).toEqual([]);
  expect((await claim()).leases).toHaveLength(4);
});

test('accounts take turns: the one delivery of another is in the first claim, behind however many hosts of the first', async () => {
  for (let n = 0; n < 30; n++) await open(`https://h${n}.example.org/`);
  await open('https://other.example.org/', await insertAccount(database.db));
  expect(await claimedUrls({ endpoints: 2 })).toContain('other.example.org/');
});

test('what has just come due goes before what has waited, for half of a claim', async () => {
  for (let n = 0; n < 30; n++) await open(`https://h${n}.example.org/`);
  const told = await database.db
    .selectFrom('endpoint')
    .select('id')
    .where('url', '=', 'https://h29.example.org/')
    .execute();
  expect(
    await claimedUrls({ endpoints: 4, told: told.map(({ id }) => ({ endpointId: id, isQuick: false })) }),
  ).toContain('h29.example.org/');
});

test('an open host is left alone; when its time is over one endpoint is the probe; with an answer all the others are due', async () => {
  for (let n = 0; n < 10; n++) await open(`https://a.example.org/${n}`);
  const first = await claim();
  const { host } = first.leases[0] as LeasedEndpoint;
  const openUntil = new Date(Date.now() + 60_000);
  await record(database.db, [], {
    endpoints: [],
    hosts: [{ hostId: host.id, health: { state: 'open', silent: 8, trips: 1, openUntil } }],
  });
  await releaseEndpoints(database.db, first.leases);
  await open('https://a.example.org/new');
  expect((await claim()).leases).toEqual([]);
  expect((await hosts())[0]).toMatchObject({ breaker: 'open', next_due: openUntil });

  await pass(61);
  const probe = await claim();
  expect(probe.leases).toMatchObject([{ host: { health: { state: 'half_open', silent: 8, trips: 1 } } }]);
  expect((await claim()).leases).toEqual([]);
  await record(database.db, [], { endpoints: [], hosts: [{ hostId: host.id, health: answering }] });
  expect((await claim()).leases.length).toBeGreaterThan(1);
});

test('a path that is known to answer is taken while its host rests, and is no probe', async () => {
  for (const path of ['hangs', 'well']) await open(`https://a.example.org/${path}`);
  const [host] = await hosts();
  await sql`UPDATE host SET breaker = 'open', silent = 8, open_until = now() + interval '1 hour',
    next_due = now() + interval '1 hour'`.execute(database.db);
  const { id } = await database.db
    .selectFrom('endpoint')
    .select('id')
    .where('url', 'like', '%well')
    .executeTakeFirstOrThrow();
  const told = (isQuick: boolean) => ({ told: [{ endpointId: id, isQuick }] });
  expect((await claim(told(false))).leases).toEqual([]);
  expect((await claim(told(true))).leases).toMatchObject([
    { endpointId: id, host: { id: host?.id, health: { state: 'open' } } },
  ]);
  expect((await hosts())[0]).toMatchObject({ breaker: 'open' });
});

test('enabling an endpoint probes its host at once', async () => {
  await open('https://a.example.org/1');
  const { leases } = await claim();
  const [lease] = leases as [LeasedEndpoint];
  const openUntil = new Date(Date.now() + 600_000);
  await record(database.db, [], {
    endpoints: [],
    hosts: [{ hostId: lease.host.id, health: { state: 'open', silent: 8, trips: 5, openUntil } }],
  });
  await releaseEndpoints(database.db, leases);
  await sql`UPDATE delivery SET state = 'pending', due_at = now(), token = NULL, claimed_at = NULL`.execute(
    database.db,
  );
  expect((await claim()).leases).toEqual([]);
  await enableEndpoint(database.db, account, lease.endpointId);
  expect((await claim()).leases).toMatchObject([{ host: { health: { state: 'half_open' } } }]);
});

test('a host is settled when none of its endpoints is due, to the time at which one will be, and never before', async () => {
  await open('https://a.example.org/1');
  await open('https://b.example.org/1');
  await open('https://c.example.org/1');
  const { leases, claimed } = await claim();
  const of = (name: string) => {
    const own = claimed.filter(({ url }) => url.includes(name));
    return { leases: leases.filter(({ endpointId }) => endpointId === own[0]?.endpointId), claimed: own };
  };
  await finish({ now: null, ...of('a.example') }, 'delivered');
  await finish({ now: null, ...of('b.example') }, 'pending');
  // c is still held.
  await sql`UPDATE host SET next_due = now() - interval '1 minute'`.execute(database.db);
  await open('https://c.example.org/2');
  expect(await settleHosts(database.db)).toBe(2);
  const [a, b, c] = await hosts();
  expect(a?.next_due).toBeNull();
  expect(Number(b?.next_due) - Date.now()).toBeGreaterThan(3_000_000);
  expect(Number(c?.next_due)).toBeLessThanOrEqual(Date.now());
  await open('https://a.example.org/1');
  expect((await claim()).leases).toHaveLength(2);
});

test('an endpoint that comes due while its host is being settled is not forgotten', async () => {
  await open('https://a.example.org/1');
  await finish(await claim(), 'delivered');
  await sql`UPDATE host SET next_due = now() - interval '1 minute'`.execute(database.db);
  const due = await markedNotCommitted('https://a.example.org/2');
  // Its endpoint cannot be seen yet, but its lock can: the host is passed over.
  expect(await settleHosts(database.db)).toBe(0);
  await due.commit();
  expect((await claim()).leases).toHaveLength(1);
});

test('the safety net marks a host whose endpoint is due, and leaves those alone that rest', async () => {
  await open('https://a.example.org/1');
  await open('https://b.example.org/1');
  await sql`UPDATE endpoint SET next_due = now() - interval '1 minute'`.execute(database.db);
  await sql`UPDATE host SET next_due = NULL WHERE origin LIKE '%a.example%'`.execute(database.db);
  await sql`UPDATE host SET breaker = 'open', open_until = now() + interval '1 hour', next_due = now() + interval '1 hour'
    WHERE origin LIKE '%b.example%'`.execute(database.db);
  expect((await claim()).leases).toEqual([]);
  expect(await remindHosts(database.db)).toBe(1);
  expect(await claimedUrls()).toEqual(['a.example.org/1']);
});

test('a delivery for an endpoint that is due already waits for nobody who opens another', async () => {
  await open('https://a.example.org/');
  const first = await markedNotCommitted('https://a.example.org/');
  // Would wait for the first one's commit, for ever.
  await open('https://a.example.org/');
  await first.commit();
});

test('an endpoint whose key somebody always holds is given back all the same, and is due', async () => {
  await open('https://a.example.org/');
  const taken = await claim();
  const busy = await markedNotCommitted('https://a.example.org/');
  await finish(taken, 'delivered');
  expect((await claim()).leases).toHaveLength(1);
  await busy.commit();
});
