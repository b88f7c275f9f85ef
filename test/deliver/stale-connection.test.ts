// Receivers whose kept connections end under the sender: each is an attempt on record, tried again, and not one of them
// counts against the endpoint. The control: the same resets on fresh connections open the breaker.
import { afterEach, expect, test } from 'vitest';
import { TRIP_FAILURES } from '../../src/deliver/breaker.ts';
import { type DeliverRig, startDeliverRig } from '../rig/deliver.ts';
import { type SocketServer, startSocketServer } from '../rig/receiver.ts';

let rig: DeliverRig;
let server: SocketServer;
afterEach(async () => {
  await rig.stop();
  await server.close();
});

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';

/** Answers so many requests of each connection, and resets it when another comes. */
const answering = (most: number) =>
  startSocketServer((socket) => {
    let answered = 0;
    socket.on('data', (chunk) => {
      if (!chunk.includes('webhook-id')) return;
      if (answered++ < most) socket.write(OK);
      else socket.resetAndDestroy();
    });
  });

test('a reset on a connection kept from an earlier answer is tried again and held against nobody', async () => {
  server = await answering(1);
  rig = await startDeliverRig({ endpointConcurrency: 1, schedule: [0, 1, 1, 1] });
  const ids: string[] = [];
  // One after the other, so that each second one meets the kept connection of the one before.
  for (let n = 0; n < TRIP_FAILURES * 3; n++) {
    const id = await rig.open({ url: `${server.url}/hooks` });
    ids.push(id);
    expect((await rig.ended(id)).state).toBe('delivered');
  }
  const attempts = (await Promise.all(ids.map((id) => rig.see(id)))).flatMap((seen) => seen.attempts);
  const stale = attempts.filter((attempt) => attempt.error_class === 'stale_connection');
  expect(stale.length).toBeGreaterThan(TRIP_FAILURES);
  expect(stale.every(({ outcome, status }) => outcome === 'retry' && status === null)).toBe(true);
  expect(attempts.filter(({ outcome }) => outcome === 'delivered')).toHaveLength(ids.length);
  expect(attempts).toHaveLength(ids.length + stale.length);
  const { breaker, failures } = await rig.endpoint();
  expect([breaker, failures]).toEqual(['closed', 0]);
}, 60_000);

test('control: resets on fresh connections open the breaker', async () => {
  server = await answering(0);
  rig = await startDeliverRig({ endpointConcurrency: 1, schedule: Array(TRIP_FAILURES).fill(0) });
  const id = await rig.open({ url: `${server.url}/hooks` });
  const { attempts } = await rig.ended(id);
  expect(attempts.map((attempt) => attempt.error_class)).toEqual(Array(TRIP_FAILURES).fill('reset'));
  expect((await rig.endpoint()).breaker).toBe('open');
}, 60_000);
