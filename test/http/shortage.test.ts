// A request that meets a shortage of ours is asked to come again, and leaves nothing behind.
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Shortage, ShortageError } from '../../src/shortage.ts';
import { ShortageLog } from '../../src/shortage-log.ts';
import { openAudioFolder } from '../../src/store/audio.ts';
import { type Api, startApi } from '../rig/api.ts';
import { eventually } from '../rig/eventually.ts';
import { type SmallDisk, smallDisk } from '../rig/tmpfs.ts';

let api: Api;
let disk: SmallDisk | null;
let probe: () => Promise<{ durationSeconds: number; channels: number }>;
let short: Shortage[];
let loading: boolean;
let said: { fields: { short?: string }; message: string }[];
let requestErrors: string[];

beforeAll(async () => {
  disk = await smallDisk(2);
  const shortages = new ShortageLog({
    log: { warn: (fields, message) => said.push({ fields, message }) },
    now: () => performance.now(),
  });
  api = await startApi({
    ...(disk && { audio: await openAudioFolder(disk.folder) }),
    probe: () => probe(),
    shortNow: async () => short,
    loading: () => loading,
    shortages,
  });
  api.server.addHook('onError', async (_request, _reply, error) => {
    requestErrors.push((error as { code?: string }).code ?? error.message);
  });
});
beforeEach(() => {
  probe = async () => ({ durationSeconds: 1, channels: 1 });
  short = [];
  loading = false;
  said = [];
  requestErrors = [];
});
afterAll(async () => {
  await api.stop();
  await disk?.remove();
});

function upload(bytes: number) {
  const form = Buffer.concat([
    Buffer.from('--x\r\ncontent-disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'),
    Buffer.alloc(bytes, 1),
    Buffer.from('\r\n--x--\r\n'),
  ]);
  return api.call({
    method: 'POST',
    url: '/v2/upload',
    body: form,
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
  });
}

test('an upload that finds the disk full: 507 with Retry-After, nothing left behind, and 200 when there is room', async ({
  skip,
}) => {
  if (!disk) return skip('mounting a small disk needs root');
  await disk.fill(100_000);
  const { status, headers, json } = await upload(500_000);
  expect([status, headers['retry-after'], json.error.reason]).toEqual([507, '60', 'disk_full']);
  expect(await readdir(`${disk.folder}/incoming`)).toEqual([]);
  await disk.empty();
  expect((await upload(500_000)).status).toBe(200);
});

test.for([
  ['descriptors', Object.assign(new Error('open'), { code: 'EMFILE' }), 503, 'overloaded'],
  ['processes', Object.assign(new Error('spawn'), { code: 'EAGAIN' }), 503, 'overloaded'],
  [
    'memory',
    new ShortageError('memory', 'a speech process was killed', { suspect: true }),
    503,
    'overloaded',
  ],
  ['disk', Object.assign(new Error('write'), { code: 'ENOSPC' }), 507, 'disk_full'],
  ['database', new ShortageError('database', 'away'), 503, 'not_ready'],
] as const)(
  'short of %s while an upload is measured: %3$i, and no blame for the file',
  async ([, error, status, reason]) => {
    probe = async () => {
      throw error;
    };
    const answer = await upload(100);
    expect([answer.status, answer.json.error.reason]).toEqual([status, reason]);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  },
);

test('the log says it once, not for every request', async () => {
  probe = async () => {
    throw Object.assign(new Error('fork'), { code: 'ENFILE' });
  };
  for (let n = 0; n < 5; n++) await upload(100);
  expect(said.filter(({ fields }) => fields.short === 'descriptors').length).toBeLessThan(2);
});

test('a client that breaks off its upload is no shortage', async () => {
  await api.server.listen({ port: 0, host: '127.0.0.1' });
  const { port } = api.server.server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    `POST /v2/upload HTTP/1.1\r\nhost: x\r\nx-gladia-key: ${api.key}\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: 100000\r\n\r\n--x\r\ncontent-disposition: form-data; name="audio"; filename="a.wav"\r\n\r\nabc`,
  );
  await eventually(
    () => readdir(`${disk?.folder ?? api.folder}/incoming`),
    (files) => files.length > 0,
  );
  socket.resetAndDestroy();
  await eventually(
    async () => requestErrors.length,
    (n) => n > 0,
  );
  expect(said).toEqual([]);
});

test('/readyz says what is short, and that the model is not loaded yet', async () => {
  expect((await api.call({ url: '/readyz' })).status).toBe(200);
  short = ['disk', 'descriptors'];
  const { status, json, headers } = await api.call({ url: '/readyz' });
  expect([status, json.message]).toEqual([503, 'Ringback is short of disk space and of file descriptors.']);
  expect(headers['retry-after']).toBe('5');
  loading = true;
  expect(await api.call({ url: '/readyz' })).toMatchObject({
    headers: { 'retry-after': '5' },
    json: { message: expect.stringContaining('loads its speech model') },
  });
});
