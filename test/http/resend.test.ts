// Sending again: to another URL, and to an endpoint that rests.
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimEndpoints, record } from '../../src/store/leases.ts';
import { type Api, startApi } from '../rig/api.ts';
import { CLAIM } from '../rig/claim.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { recorded } from '../rig/recorded.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const resend = (id: string, body?: object | string) =>
  api.call({ method: 'POST', url: `/api/callbacks/${id}/resend`, ...(body !== undefined && { body }) });

/** Delivered at the first attempt. */
async function delivered(url: string): Promise<string> {
  const id = await openAnyDelivery(api.db, api.account, url);
  const { claimed } = await claimEndpoints(api.db, CLAIM);
  await record(
    api.db,
    claimed.map((one) => recorded(one)),
    { endpoints: [], hosts: [] },
  );
  await sql`UPDATE endpoint SET leased_until = NULL, next_due = NULL`.execute(api.db);
  return id;
}

test('to another URL: the same webhook-id, an endpoint of its own, and attempts that tell where they went', async () => {
  const id = await delivered('https://old.example.org/hooks?key=old-s3cret');
  const before = (await api.call({ url: `/api/callbacks/${id}` })).json;
  const to = 'https://new.example.org/hooks?key=new-s3cret';
  const { status, json, text } = await resend(id, { url: to });
  expect([status, json]).toMatchObject([
    202,
    { id, state: 'pending', url: 'https://new.example.org/hooks?…', attempt_count: 1 },
  ]);
  expect(json.endpoint_id).not.toBe(before.endpoint_id);
  expect(json.attempts).toMatchObject([{ number: 1, url: 'https://old.example.org/hooks?…' }]);
  expect(text).not.toContain('s3cret');
  const { claimed } = await claimEndpoints(api.db, CLAIM);
  expect(claimed).toMatchObject([{ id, url: to, attempt: 2, trigger: 'resend' }]);
  await record(
    api.db,
    claimed.map((one) => recorded(one)),
    { endpoints: [], hosts: [] },
  );
  await sql`UPDATE endpoint SET leased_until = NULL, next_due = NULL`.execute(api.db);
  expect((await api.call({ url: `/api/callbacks/${id}` })).json.attempts).toMatchObject([
    { number: 1, url: 'https://old.example.org/hooks?…' },
    { number: 2, url: 'https://new.example.org/hooks?…' },
  ]);
  // From now on it goes there, also by itself; and back, each attempt keeps its own place.
  expect((await resend(id)).json.url).toBe('https://new.example.org/hooks?…');
  expect((await resend(id, { url: 'https://old.example.org/' })).json.attempts).toMatchObject([
    { url: 'https://old.example.org/hooks?…' },
    { url: 'https://new.example.org/hooks?…' },
  ]);
});

test('the URL is judged as callback_config.url is, by syntax and by policy; nothing else is taken', async () => {
  const id = await delivered('https://app.example.org/hooks');
  for (const [body, sentence] of [
    [{ url: 'nowhere' }, /^url must be a URL address: This is not a complete URL/],
    [{ url: 'http://10.0.0.7/' }, /^url must be a URL address: The host is not on the public internet/],
    [{ url: 'https://app.example.org:5432/' }, /^url must be a URL address: This port is not called/],
    [{ url: 'ftp://app.example.org/' }, /^url must be a URL address: Only http and https/],
    [{ url: '' }, /^url must not be empty$/],
    [{ url: 7 }, /^url must be a string$/],
    [{ to: 'https://app.example.org/' }, /^to is not a known field; known are url$/],
    ['[]', /^body must be an object$/],
  ] as const) {
    const { status, json } = await resend(id, body);
    expect([status, json.validation_errors]).toEqual([400, [expect.stringMatching(sentence)]]);
  }
  expect((await api.call({ url: `/api/callbacks/${id}` })).json.state).toBe('delivered');
  // Nothing, an empty object and a null are the same request.
  for (const body of [undefined, {}, { url: null }, 'null'])
    expect((await resend(id, body)).status).toBe(202);
});

test('to an endpoint that rests: why it waits and until when, and the time is the truth', async () => {
  const url = 'https://rests.example.org/hooks';
  const id = await delivered(url);
  const endpoint = (what: string) =>
    sql`UPDATE endpoint SET ${sql.raw(what)} WHERE url = ${url}`.execute(api.db);
  const host = (what: string) =>
    sql`UPDATE host SET ${sql.raw(what)} WHERE origin = 'https://rests.example.org'`.execute(api.db);
  const again = async (): Promise<{ reason: string | null; next_attempt_at: string | null }> =>
    (await resend(id)).json;
  const at = (minutes: number) => Date.now() + minutes * 60_000;
  const near = (time: string | null, expected: number) =>
    expect(Math.abs(Date.parse(time ?? '') - expected)).toBeLessThan(5_000);

  const free = await again();
  expect(free.reason).toBeNull();
  near(free.next_attempt_at, at(0));

  await endpoint(`breaker = 'open', failures = 7, open_until = now() + interval '4 min'`);
  const open = await again();
  expect(open.reason).toMatch(
    /^its endpoint failed 7 times in a row: nothing is sent there until 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  );
  near(open.reason?.slice(-20) ?? '', at(4));
  near(open.next_attempt_at, at(4));
  // The greatest of all.
  await host(`breaker = 'open', silent = 9, open_until = now() + interval '9 min'`);
  near((await again()).next_attempt_at, at(9));
  await endpoint(`paused_until = now() + interval '20 min'`);
  near((await again()).next_attempt_at, at(20));

  await endpoint(`breaker = 'closed', failures = 0, open_until = NULL, paused_until = NULL`);
  expect((await again()).reason).toMatch(
    /^its host gave no answer 9 times in a row: nothing is sent there until 20\S+Z$/,
  );
  await host(`breaker = 'half_open', open_until = now()`);
  expect((await again()).reason).toMatch(/^its host gave no answer 9 times in a row: one callback is tried/);
  await host(`breaker = 'closed', silent = 0`);
  await endpoint(`paused_until = now() + interval '2 min'`);
  const patient = await again();
  expect(patient.reason).toMatch(
    /^its endpoint asked for patience \(Retry-After\): nothing .* until 20\S+Z$/,
  );
  near(patient.next_attempt_at, at(2));
  await endpoint(
    `disabled_at = now(), disabled_reason = 'the receiver answered 410 3 times in a row', next_due = NULL`,
  );
  expect(await again()).toMatchObject({
    reason: 'its endpoint is disabled: the receiver answered 410 3 times in a row',
    next_attempt_at: null,
  });
  // What is due later than the rest ends waits for its own time alone.
  await endpoint(
    `disabled_at = NULL, disabled_reason = NULL, paused_until = NULL, breaker = 'open', failures = 5, open_until = now() + interval '1 min'`,
  );
  await sql`UPDATE delivery SET due_at = now() + interval '1 hour' WHERE id = ${id}`.execute(api.db);
  const later = (await api.call({ url: `/api/callbacks/${id}` })).json;
  expect(later.reason).toBeNull();
  near(later.next_attempt_at, at(60));
});
