// Clients that send nearly all of a body and then nothing, at the real program: what they make it hold is bounded, and
// others are answered meanwhile.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { API_KEY } from '../rig/app.ts';
import type { Served } from '../rig/process.ts';
import { type Stormed, serveStrangers } from '../rig/strangers.ts';

let strangers: Stormed;
let server: Served;
beforeAll(async () => {
  strangers = await serveStrangers();
  ({ server } = strangers);
});
afterEach(() => strangers.leave());
afterAll(() => strangers.stop());

const begun = (path: string, type: string) =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\nx-gladia-key: ${API_KEY}\r\ncontent-type: ${type}\r\n`;
const FIELD = 1_000_000;
const field = (number: number) =>
  `--b\r\ncontent-disposition: form-data; name="f${number}"\r\n\r\n${'€'.repeat(FIELD / 3)}\r\n`;

test.each([
  [
    '40 uploads with 19 text fields of a megabyte each',
    40,
    `${begun('/v2/upload', 'multipart/form-data; boundary=b')}content-length: 99000000\r\n\r\n${Array.from({ length: 19 }, (_, number) => field(number)).join('')}`,
  ],
  [
    '400 JSON bodies of a megabyte',
    400,
    `${begun('/v2/pre-recorded', 'application/json')}content-length: 999000\r\n\r\n{"a":"${'a'.repeat(980_000)}`,
  ],
])('%s', async (_what, count, bytes) => {
  // The code is compiled, and what a request takes anyhow is taken.
  expect((await server.upload(Buffer.alloc(10), 'a')).status).toBeGreaterThanOrEqual(200);
  const before = await strangers.megabytes();
  for (const { socket } of await strangers.open(count)) socket.write(bytes);
  let most = 0;
  for (let look = 0; look < 50; look++) {
    await pause(100);
    most = Math.max(most, await strangers.megabytes());
  }
  // Seen: 60 to 165, most of it garbage not yet collected; without the bounds 880 and 427.
  expect(most - before).toBeLessThan(250);
  const job = await server.call('POST', '/v2/pre-recorded', { audio_url: 'https://cdn.example.org/a.mp3' });
  expect(job.status).toBe(201);
});
