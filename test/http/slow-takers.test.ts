// Callers who ask for much and take it slowly, where all places are taken. On real sockets, with few places.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { USUAL_PATIENCE } from '../../src/http/patience.ts';
import { type Api, startApi } from '../rig/api.ts';
import { openRaw } from '../rig/raw.ts';

const SERVED_MS = 1_500;
const PLACES = 3;

let api: Api;
let url: string;
beforeAll(async () => {
  const patience = { ...USUAL_PATIENCE, servedMs: SERVED_MS };
  api = await startApi({ front: { connections: PLACES, patience } });
  url = await api.server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.stop());

const BUNDLE = 'GET /docs/static/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n';

/** The status of a caller who is new; 0: closed without a word. */
async function newcomer(): Promise<number> {
  const raw = await openRaw(url);
  raw.socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  const answer = await raw.closed(5_000);
  return Number(/^HTTP\/1.1 (\d{3})/.exec(answer ?? '')?.[1] ?? 0);
}

test('the one that takes its answers most slowly makes room, when it has done so for a while', async () => {
  // One takes a little all the time, one less, and one nothing.
  const takers = await Promise.all(Array.from({ length: PLACES }, () => openRaw(url, { reads: false })));
  const closed: number[] = [];
  takers.forEach(({ socket }, number) => {
    socket.write(BUNDLE.repeat(30));
    socket.once('close', () => closed.push(number));
  });
  const taking = setInterval(() => {
    takers[0]?.socket.read();
    takers[0]?.socket.read(0);
  }, 5);
  await pause(500);
  expect(await newcomer()).toBe(503);
  await pause(SERVED_MS);
  expect(await newcomer()).toBe(200);
  clearInterval(taking);
  for (const { socket } of takers.slice(1)) socket.resume();
  await expect.poll(() => closed).toHaveLength(1);
  expect(closed).not.toContain(0);
  for (const { socket } of takers) socket.destroy();
});
