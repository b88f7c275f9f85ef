// More callers than the process has file descriptors for, at the real program: those who are served go on, and what
// needs descriptors of its own (the database, an upload's file, its decoder) has them.
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { shareDescriptors } from '../../src/descriptors.ts';
import { API_KEY } from '../rig/app.ts';
import { freshDatabase } from '../rig/postgres.ts';
import { type Served, serve } from '../rig/process.ts';
import { openRaw, type Raw } from '../rig/raw.ts';

const DESCRIPTORS = 400;
const { callers } = shareDescriptors(DESCRIPTORS);
const clip = readFileSync(new URL('../fixtures/jfk.wav', import.meta.url));

let folder: string;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let server: Served;
let opened: Raw[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-connections-'));
  database = await freshDatabase();
  server = await serve(folder, { DATABASE_URL: database.url }, { descriptors: DESCRIPTORS });
});
afterEach(async () => {
  for (const { socket } of opened) socket.destroy();
  opened = [];
  await expect.poll(descriptors).toBeLessThan(DESCRIPTORS / 2);
});
afterAll(async () => {
  server.child.kill('SIGTERM');
  await server.exited;
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

const descriptors = () => readdirSync(`/proc/${server.child.pid}/fd`).length;

async function open(count: number): Promise<Raw[]> {
  const more = await Promise.all(Array.from({ length: count }, () => openRaw(server.url)));
  opened.push(...more);
  return more;
}

const BODY = '{"audio_url":"https://cdn.example.org/a.mp3","callback":true}';
const BEGUN = `POST /v2/pre-recorded HTTP/1.1\r\nhost: x\r\nx-gladia-key: ${API_KEY}\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\nexpect: 100-continue\r\n\r\n`;

test('with as many busy callers as may be, the next are refused at once and the others go on', async () => {
  const busy = await open(callers);
  for (const { socket } of busy) socket.write(BEGUN);
  // Each is heard by the server before more come: who is not yet busy would make room for them.
  for (const { text } of busy) await expect.poll(text, { timeout: 10_000 }).toContain('100 Continue');
  const refused = await open(3 * DESCRIPTORS);
  for (const raw of refused) expect(await raw.closed(5_000)).not.toBeNull();
  const answers = refused.map(({ text }) => text()).filter((text) => text !== '');
  expect(answers.length).toBeGreaterThan(0);
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 503 [\s\S]*retry-after: 5/);
  expect(descriptors()).toBeLessThan(DESCRIPTORS - 100);
  for (const { socket } of busy) socket.write(BODY);
  for (const { text } of busy)
    await expect.poll(text, { timeout: 10_000 }).toContain('callback_config.url is required');
});

test('callers who are connected and ask for nothing make room for one who does', async () => {
  const [first] = await open(3 * callers);
  expect(await first?.closed(5_000)).toBe('');
  const upload = await server.upload(clip, 'clip.wav');
  expect(upload.status).toBe(200);
  expect((await server.call('GET', '/readyz')).status).toBe(200);
  expect(descriptors()).toBeLessThan(DESCRIPTORS - 100);
});
