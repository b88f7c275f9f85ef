// The database did what it was asked, and its answer never came: the connection is cut between the two. Whoever asks
// again finds what was done, and nothing is done twice or deleted.
import { access } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shortageOf } from '../../src/shortage.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { ANY_HOST, claimEndpoints, handBack, record } from '../../src/store/leases.ts';
import { rotateSigningSecret } from '../../src/store/signing-secrets.ts';
import { type Api, startApi } from '../rig/api.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { startProxy, type TcpProxy } from '../rig/proxy.ts';
import { recorded } from '../rig/recorded.ts';

let api: Api;
let proxy: TcpProxy;
/** Through the proxy. */
let far: Database;

beforeAll(async () => {
  api = await startApi({}, async (address) => {
    const url = new URL(address);
    proxy = await startProxy(Number(url.port));
    url.host = `127.0.0.1:${proxy.port}`;
    far = openDatabase({ connectionString: url.href, size: 3, onError: () => {} });
    return far.db;
  });
});
afterAll(async () => {
  await api.stop();
  await far.close();
  await proxy.close();
});

const failing = (work: Promise<unknown>) =>
  work.then(
    () => 'answered',
    (error: unknown) => shortageOf(error),
  );

function upload(key: string) {
  return api.call({
    method: 'POST',
    url: '/v2/upload',
    body: Buffer.from(
      '--x\r\ncontent-disposition: form-data; name="audio"; filename="a.wav"\r\n\r\nabc\r\n--x--\r\n',
    ),
    headers: { 'content-type': 'multipart/form-data; boundary=x', 'idempotency-key': key },
  });
}

const CLAIM = { endpoints: 10, room: () => 4, leaseMs: 60_000, told: [], hosts: ANY_HOST };
const NO_HEALTHS = { endpoints: [], hosts: [] };

test('an upload: its file stays, and the same request again gets it', async () => {
  const cut = proxy.cutBeforeAnswer('commit');
  expect((await upload('u1')).status).toBe(503);
  await cut;
  const { status, json } = await upload('u1');
  expect(status).toBe(200);
  await access(api.audio.path(json.audio_metadata.id));
  expect(await api.db.selectFrom('audio').select('id').execute()).toEqual([{ id: json.audio_metadata.id }]);
});

test('a submission: the same request again gets the job that was made', async () => {
  const submit = () =>
    api.call({
      method: 'POST',
      url: '/v2/pre-recorded',
      body: { audio_url: 'https://cdn.example.org/a.mp3' },
      headers: { 'idempotency-key': 'j1' },
    });
  const cut = proxy.cutBeforeAnswer('commit');
  const first = await submit();
  await cut;
  expect([first.status, first.json.error.reason, first.headers['retry-after']]).toEqual([
    503,
    'not_ready',
    '5',
  ]);
  const { status, json } = await submit();
  expect(status).toBe(201);
  expect(await api.db.selectFrom('job').select('id').execute()).toEqual([{ id: json.id }]);
});

test('recorded attempts: once on record, and the delivery as the first time left it', async () => {
  const id = await openAnyDelivery(api.db, api.account, 'https://one.example.org/');
  const { claimed } = await claimEndpoints(api.db, CLAIM);
  const batch = claimed.map((item) => recorded(item));
  const cut = proxy.cutBeforeAnswer('INSERT INTO attempt');
  expect(await failing(record(far.db, batch, NO_HEALTHS))).toBe('database');
  await cut;
  await record(far.db, batch, NO_HEALTHS);
  expect(
    await api.db.selectFrom('attempt').select(['number', 'outcome']).where('delivery_id', '=', id).execute(),
  ).toEqual([{ number: 1, outcome: 'delivered' }]);
  expect(
    await api.db.selectFrom('delivery').select(['state', 'attempts']).where('id', '=', id).executeTakeFirst(),
  ).toEqual({ state: 'delivered', attempts: 1 });
});

test('deliveries handed back: once', async () => {
  const id = await openAnyDelivery(api.db, api.account, 'https://two.example.org/');
  const { claimed } = await claimEndpoints(api.db, CLAIM);
  const cut = proxy.cutBeforeAnswer('attempts = attempts - 1');
  expect(await failing(handBack(far.db, claimed))).toBe('database');
  await cut;
  await handBack(far.db, claimed);
  expect(
    await api.db
      .selectFrom('delivery')
      .select(['state', 'attempts', 'step'])
      .where('id', '=', id)
      .executeTakeFirst(),
  ).toEqual({ state: 'pending', attempts: 0, step: 0 });
});

test('a rotation asked for twice: what signed before goes on signing for the overlap', async () => {
  const rotation = { overlapMs: 60_000, inherited: ['whsec_before'] };
  const cut = proxy.cutBeforeAnswer('commit');
  expect(
    await failing(rotateSigningSecret(far.db, api.account, { ...rotation, secret: 'whsec_first' })),
  ).toBe('database');
  await cut;
  await rotateSigningSecret(far.db, api.account, { ...rotation, secret: 'whsec_second' });
  const rows = await api.db
    .selectFrom('signing_secret')
    .select(['secret', 'expires_at'])
    .where('account_id', '=', api.account)
    .execute();
  expect(rows.map(({ secret, expires_at }) => [secret, expires_at !== null]).sort()).toEqual([
    ['whsec_before', true],
    ['whsec_first', true],
    ['whsec_second', false],
  ]);
});
