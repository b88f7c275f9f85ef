// Submissions at the same time: they share transactions, and nobody is refused for somebody else's sake.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Batches } from '../../src/store/batches.ts';
import { accountFinder, createKey, revokeKey } from '../../src/store/keys.ts';
import { type NewJob, type Submission, type Submit, submitter } from '../../src/store/submissions.ts';
import { insertAccount } from '../rig/account.ts';
import { migratedDatabase } from '../rig/postgres.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let account: string;
let submit: Submit;

beforeAll(async () => {
  database = await migratedDatabase();
  account = await insertAccount(database.db);
  submit = submitter(database.db);
  return () => database.drop();
});
afterEach(() => vi.restoreAllMocks());

function submission(particular: Partial<NewJob> = {}, key?: string): Submission {
  const id = randomUUID();
  const job: NewJob = {
    id,
    accountId: account,
    audioUrl: `https://cdn.example.org/${id}.mp3`,
    audioId: null,
    request: { audio_url: `https://cdn.example.org/${id}.mp3`, note: 'naïve "\\ 🎧', n: 1.5 },
    customMetadata: { order: id },
    callback: { url: `https://app.example.org/${id}`, method: 'PUT', form: 'reference', gzip: true },
    ...particular,
  };
  const keyed = { accountId: account, route: '/v2/pre-recorded', key: key ?? id, bodyHash: Buffer.from(id) };
  const answer = { status: 201, body: JSON.stringify({ id }) };
  return { job, keep: key === undefined ? null : { keyed, answer } };
}

const rows = () => database.db.selectFrom('job').selectAll().execute();
const commits = (spy: { mock: { calls: unknown[][] } }) =>
  spy.mock.calls.filter(([query]) => query === 'commit').length;

test('three hundred at once are a few transactions, and each row is its own', async () => {
  const all = Array.from({ length: 300 }, (_, n) =>
    submission({}, n % 3 === 0 ? `key ${n}`.replace(' ', '-') : undefined),
  );
  const spy = vi.spyOn(pg.Client.prototype, 'query');
  await Promise.all(all.map(submit));
  expect(commits(spy)).toBeLessThan(6);
  const found = new Map((await rows()).map((row) => [row.id, row]));
  for (const { job } of all)
    expect(found.get(job.id)).toMatchObject({
      account_id: account,
      audio_url: job.audioUrl,
      request: job.request,
      custom_metadata: job.customMetadata,
      callback_url: job.callback?.url,
      callback_method: 'PUT',
      callback_form: 'reference',
      callback_gzip: true,
      state: 'queued',
    });
  const keys = await database.db.selectFrom('idempotency_key').select('job_id').execute();
  expect(keys).toHaveLength(100);
});

test('those that cannot be committed are refused by themselves, each for its own reason; the rest goes through', async () => {
  await submit(submission({}, 'taken'));
  const gone = submission({ audioId: randomUUID() });
  const taken = submission({}, 'taken');
  // Not even text: the checks before would have to fail for it to come so far.
  const unstorable = submission({ audioUrl: 'https://cdn.example.org/\u0000' });
  const [twin, other] = [submission({}, 'twins'), submission({}, 'twins')];
  const good = Array.from({ length: 40 }, () => submission());
  const all = [...good.slice(0, 20), gone, unstorable, twin, ...good.slice(20), taken, other];
  const outcomes = await Promise.allSettled(all.map(submit));
  const reason = (one: Submission) => {
    const outcome = outcomes[all.indexOf(one)];
    return outcome?.status === 'rejected' ? outcome.reason.code : null;
  };
  expect(reason(gone)).toBe('audio_gone');
  expect(reason(taken)).toBe('idempotency_key_taken');
  expect(reason(unstorable)).toMatch(/^22/);
  expect([reason(twin), reason(other)].toSorted()).toEqual(['idempotency_key_taken', null]);
  expect(good.map(reason)).toEqual(good.map(() => null));
  const ids = new Set((await rows()).map(({ id }) => id));
  for (const one of all) expect(ids.has(one.job.id)).toBe(reason(one) === null);
});

test('a request of megabytes does not make others wait for a statement of a hundred megabytes', async () => {
  const spy = vi.spyOn(pg.Client.prototype, 'query');
  const large = Array.from({ length: 12 }, () => submission({ request: { text: 'x'.repeat(900_000) } }));
  await Promise.all([...large, submission()].map(submit));
  const sizes = spy.mock.calls.flatMap(([query]: unknown[]) => {
    const { values } = query as { values?: unknown[] };
    return typeof values?.[0] === 'string' ? values[0].length : [];
  });
  expect(Math.max(...sizes)).toBeGreaterThan(900_000);
  expect(Math.max(...sizes)).toBeLessThan(2_000_000);
});

test('keys of requests that come together are looked up together; one revoked meanwhile is refused from then on', async () => {
  const find = accountFinder(database.db);
  const made = await Promise.all(Array.from({ length: 5 }, (_, n) => createKey(database.db, `key ${n}`)));
  await Promise.all(made.map(({ key }) => find(key)));
  const spy = vi.spyOn(pg.Client.prototype, 'query');
  const asked = Array.from({ length: 200 }, (_, n) => made[n % 5] as (typeof made)[number]);
  const found = await Promise.all([...asked.map(({ key }) => find(key)), find('rb_nobody'), find('')]);
  expect(found).toEqual([...asked.map(({ accountId }) => accountId), undefined, undefined]);
  expect(spy.mock.calls.length).toBeLessThan(4);
  const [first, second] = made;
  await revokeKey(database.db, first?.id as string);
  expect(await Promise.all([find(first?.key as string), find(second?.key as string)])).toEqual([
    undefined,
    second?.accountId,
  ]);
});

test('10,000 different wrong keys at a time cost a statement for each thousand, and a right one is found among them', async () => {
  const { key, accountId } = await createKey(database.db, 'right');
  const find = accountFinder(database.db);
  const spy = vi.spyOn(pg.Client.prototype, 'query');
  const wrong = Array.from({ length: 10_000 }, (_, n) => find(`rb_wrong_${n}`));
  expect(await find(key)).toBe(accountId);
  expect(new Set(await Promise.all(wrong))).toEqual(new Set([undefined]));
  expect(spy.mock.calls.length).toBeLessThan(16);
});

test('a batch collects while another runs; what fails is told to those in it alone', async () => {
  const ran: number[][] = [];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const batches = new Batches<number, number>({
    lanes: 1,
    most: 3,
    run: async (items) => {
      ran.push([...items]);
      await gates[ran.length - 1]?.promise;
      return items.map((item) => item * 2);
    },
  });
  const first = batches.add(1);
  await vi.waitFor(() => expect(ran).toEqual([[1]]));
  const later = Promise.allSettled([2, 3, 4, 5].map((item) => batches.add(item)));
  gates[0]?.resolve();
  expect(await first).toBe(2);
  gates[1]?.reject(new Error('away'));
  gates[2]?.resolve();
  expect((await later).map((one) => (one.status === 'fulfilled' ? one.value : one.reason.message))).toEqual([
    'away',
    'away',
    'away',
    10,
  ]);
  expect(ran).toEqual([[1], [2, 3, 4], [5]]);
  expect(await batches.add(6)).toBe(12);
});
