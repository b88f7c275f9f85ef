// Closing while callers hold connections: nobody outside decides how long a stop takes. On real sockets.
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { USUAL_PATIENCE } from '../../src/http/patience.ts';
import { startApi } from '../rig/api.ts';
import { insertLargeFile } from '../rig/large-file.ts';
import { openRaw } from '../rig/raw.ts';

const CLOSE_MS = 500;

test.each([
  [
    'does not read the answer',
    (path: string, key: string) => [`GET ${path} HTTP/1.1`, 'host: x', key, '', ''],
  ],
  [
    'does not send the rest of a request',
    (_path: string, key: string) => [
      'POST /v2/pre-recorded HTTP/1.1',
      'host: x',
      key,
      'content-type: application/json',
      'content-length: 100',
      '',
      '{',
    ],
  ],
])('who %s is cut off', async (_who, lines) => {
  const api = await startApi({
    front: { connections: 10, patience: { ...USUAL_PATIENCE, closeMs: CLOSE_MS } },
  });
  const path = await insertLargeFile(api);
  const url = await api.server.listen({ host: '127.0.0.1', port: 0 });
  const { socket } = await openRaw(url, { reads: false });
  socket.write(lines(path, `x-gladia-key: ${api.key}`).join('\r\n'));
  await pause(300);
  const began = performance.now();
  await api.stop();
  const took = performance.now() - began;
  expect(took).toBeGreaterThan(CLOSE_MS - 50);
  // Otherwise the patience for bodies and answers decides: 30 to 60 s.
  expect(took).toBeLessThan(10_000);
  socket.destroy();
});
