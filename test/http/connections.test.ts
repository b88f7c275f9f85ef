// More callers than the process has file descriptors for, at the real program: those who are served go on, and what
// needs descriptors of its own (the database, an upload's file, its decoder) has them.
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { shareOfDescriptors } from '../../src/descriptors.ts';
import { API_KEY } from '../rig/app.ts';
import type { Served } from '../rig/process.ts';
import { type Stormed, serveStrangers } from '../rig/strangers.ts';

const DESCRIPTORS = 400;
const callers = shareOfDescriptors(DESCRIPTORS);
const clip = readFileSync(new URL('../fixtures/jfk.wav', import.meta.url));

let strangers: Stormed;
let server: Served;
beforeAll(async () => {
  strangers = await serveStrangers({ descriptors: DESCRIPTORS });
  ({ server } = strangers);
});
afterEach(async () => {
  strangers.leave();
  await expect.poll(strangers.descriptors).toBeLessThan(DESCRIPTORS / 2);
});
afterAll(() => strangers.stop());

const BODY = '{"audio_url":"https://cdn.example.org/a.mp3","callback":true}';
const BEGUN = `POST /v2/pre-recorded HTTP/1.1\r\nhost: x\r\nx-gladia-key: ${API_KEY}\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\nexpect: 100-continue\r\n\r\n`;

test('with as many busy callers as may be, the next are refused at once and the others go on', async () => {
  const busy = await strangers.open(callers);
  for (const { socket } of busy) socket.write(BEGUN);
  // Each is heard by the server before more come: who is not yet busy would make room for them.
  for (const { text } of busy) await expect.poll(text, { timeout: 10_000 }).toContain('100 Continue');
  const refused = await strangers.open(3 * DESCRIPTORS);
  for (const raw of refused) expect(await raw.closed(5_000)).not.toBeNull();
  const answers = refused.map(({ text }) => text()).filter((text) => text !== '');
  expect(answers.length).toBeGreaterThan(0);
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 503 [\s\S]*retry-after: 5/);
  expect(await strangers.descriptors()).toBeLessThan(DESCRIPTORS - 100);
  for (const { socket } of busy) socket.write(BODY);
  for (const { text } of busy)
    await expect.poll(text, { timeout: 10_000 }).toContain('callback_config.url is required');
});

test('callers who are connected and ask for nothing make room for one who does', async () => {
  const [first] = await strangers.open(3 * callers);
  expect(await first?.closed(5_000)).toBe('');
  const upload = await server.upload(clip, 'clip.wav');
  expect(upload.status).toBe(200);
  expect((await server.call('GET', '/readyz')).status).toBe(200);
  expect(await strangers.descriptors()).toBeLessThan(DESCRIPTORS - 100);
});
