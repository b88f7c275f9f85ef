// The zoo, continued: networks that are slow, dead or lying before a receiver is reached at all, and a line too slow for the
// body. Through the whole deliver role and a real database, each with the record that it must leave; nothing comes twice.
//
// Elsewhere: each sentence of a failure in outbound/sentences.test.ts; refused messages between good ones, deleting,
// enabling and disabling in mid-flight in owner.test.ts; cancelling and removing in cancel.test.ts; a rotation adopted at
// once in ../rotation.test.ts.
import { connect as connectTcp, Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound, type OutboundOptions } from '../../src/outbound/request.ts';
import { createQuery, createResolve } from '../../src/outbound/resolve.ts';
import { type CallbackToOpen, type DeliverRig, type Seen, startDeliverRig } from '../rig/deliver.ts';
import { startDns, type Zone } from '../rig/dns.ts';
import { eventually } from '../rig/eventually.ts';
import { chain, pem } from '../rig/far-ends.ts';
import { type Receiver, type SocketServer, startReceiver, startSocketServer } from '../rig/receiver.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0).reverse()) await close();
});
const kept = <T extends { close(): unknown }>(closable: T): T => {
  open.push({ close: () => closable.close() });
  return closable;
};

type Trial = { deadlineMs?: number; schedule?: readonly number[]; network?: Partial<OutboundOptions> };
type Ended = Seen & { endpoint: Awaited<ReturnType<DeliverRig['endpoint']>> };

/** One callback from its commit to its end, and what its endpoint is thought of then. */
async function deliver(
  callback: CallbackToOpen,
  { deadlineMs = 10_000, schedule = [0, 1], network = {} }: Trial = {},
): Promise<Ended> {
  const policy = { allow: parseNetworks(['127.0.0.0/8', '192.0.2.0/24']), own: [] };
  const outbound = kept(new Outbound({ policy, ca: pem('root.cert'), ...network }));
  const rig = await startDeliverRig({ outbound, deadlineMs, schedule });
  kept({ close: () => rig.stop() });
  const id = await rig.open(callback);
  const ended = await rig.ended(id, 30_000);
  const failures = ended.attempts.filter(({ error_class }) => error_class !== null).length;
  const isOurs = ended.attempts.some(({ error_class }) => error_class === 'network');
  const expected = ended.state === 'delivered' || isOurs ? 0 : failures;
  const endpoint = await eventually(
    () => rig.endpoint(),
    (row) => row.failures === expected,
  );
  return { ...ended, endpoint };
}

/** Of each attempt what an operator reads first. */
const told = ({ attempts }: Seen) =>
  attempts.map(({ form, status, error_class, error_message }) => [
    form,
    status ?? error_class,
    error_message,
  ]);
const phasesOf = ({ attempts }: Seen, attempt = 1) => attempts[attempt - 1]?.phases as Record<string, number>;
function expectEachOnce({ requests }: Receiver): void {
  const seen = requests.map(({ headers }) => `${headers['webhook-id']} ${headers['ringback-attempt']}`);
  expect(seen, 'no duplicate').toEqual([...new Set(seen)]);
}

/** Before a receiver that speaks TLS: what comes from the caller is passed on so much later, or never. */
function slowHello(receiver: Receiver, delays: readonly number[]): Promise<SocketServer> {
  let connections = 0;
  return startSocketServer((socket) => {
    const delay = delays[connections++] ?? 0;
    if (delay === Number.POSITIVE_INFINITY) return void socket.resume();
    const behind = connectTcp(receiver.port, '127.0.0.1');
    behind.on('error', () => {});
    socket.on('close', () => behind.destroy());
    socket.pause();
    setTimeout(() => socket.pipe(behind).pipe(socket), delay);
  });
}

it('TLS that answers the ClientHello after 1.5 s: delivered by the first attempt', async () => {
  const receiver = kept(await startReceiver({ tls: chain('chained', 'intermediate') }));
  const slow = kept(await slowHello(receiver, [1_500]));
  const ended = await deliver({ url: `https://localhost:${slow.port}/` });
  expect(told(ended)).toEqual([['full', 200, null]]);
  expect(ended).toMatchObject({ state: 'delivered', endpoint: { breaker: 'closed', failures: 0 } });
  expect(phasesOf(ended).tls).toBeGreaterThan(1_400);
  expectEachOnce(receiver);
});

it('TLS that is never answered, then is: the first attempt says where its time went, the second delivers', async () => {
  const receiver = kept(await startReceiver({ tls: chain('chained', 'intermediate') }));
  const slow = kept(await slowHello(receiver, [Number.POSITIVE_INFINITY]));
  const ended = await deliver({ url: `https://localhost:${slow.port}/` }, { deadlineMs: 700 });
  expect(told(ended)).toEqual([
    ['full', 'timeout', 'The TLS handshake was not finished within 0.7 s.'],
    ['full', 200, null],
  ]);
  expect(ended).toMatchObject({ state: 'delivered', endpoint: { breaker: 'closed', failures: 0 } });
  expect(phasesOf(ended).tls).toBeGreaterThan(600);
  expect(phasesOf(ended).send).toBeUndefined();
  expect(receiver.requests).toHaveLength(1);
});

it('TLS that is never answered at all: failed with the sentence, held against the endpoint', async () => {
  const silent = kept(await startSocketServer((socket) => socket.resume()));
  const ended = await deliver({ url: `https://localhost:${silent.port}/` }, { deadlineMs: 300 });
  const sentence = 'The TLS handshake was not finished within 0.3 s.';
  expect(told(ended)).toEqual([
    ['full', 'timeout', sentence],
    ['full', 'timeout', sentence],
  ]);
  expect(ended).toMatchObject({
    state: 'failed',
    reason: `all 2 attempts of the schedule failed; the last: ${sentence}`,
    endpoint: { failures: 2 },
  });
  expect(silent.connections, 'one for each attempt').toBe(2);
});

async function resolverOf(zone: Zone): Promise<Partial<OutboundOptions>> {
  const dns = kept(await startDns(zone));
  return { resolve: createResolve({ query: createQuery({ servers: [dns.server] }) }) };
}

it('DNS that answers after 1.2 s of an attempt’s time: delivered by the first attempt', async () => {
  const receiver = kept(await startReceiver());
  const network = await resolverOf({ 'hooks.example': { addresses: ['127.0.0.1'], after: 1_200 }, '': {} });
  const ended = await deliver({ url: `http://hooks.example:${receiver.port}/` }, { network });
  expect(told(ended)).toEqual([['full', 200, null]]);
  expect(phasesOf(ended).dns).toBeGreaterThan(1_100);
  expect(ended).toMatchObject({ state: 'delivered', endpoint: { failures: 0 } });
  expectEachOnce(receiver);
});

it.each<[kind: string, zone: Zone, errorClass: string, sentence: string]>([
  [
    'a name that does not exist',
    {},
    'dns',
    'The host name does not exist: check its spelling and its DNS records.',
  ],
  [
    'a name without an address',
    { 'hooks.example': {} },
    'dns',
    'The host name has no address: check its DNS records.',
  ],
  [
    'SERVFAIL',
    { 'hooks.example': { rcode: 2 } },
    'dns',
    'The name servers of the host name do not answer, or contradict themselves (SERVFAIL): check its DNS records, its delegation and DNSSEC.',
  ],
  [
    'a name nobody answers for',
    { 'hooks.example': { silent: 'both' }, '': {} },
    'dns',
    'The name servers of the host name did not answer in time: check its DNS records and its delegation.',
  ],
  [
    'an answer later than the attempt',
    { 'hooks.example': { addresses: ['127.0.0.1'], after: 5_000 }, '': {} },
    'dns',
    'The name servers of the host name did not answer in time: check its DNS records and its delegation.',
  ],
  [
    'a DNS server that is silent altogether: ours, and nothing is held against the endpoint',
    { 'hooks.example': { silent: 'both' }, '': { silent: 'both' } },
    'network',
    'The DNS server that this server asks did not answer in time, whatever it was asked: nothing is known of the host.',
  ],
])('DNS: %s', async (_kind, zone, errorClass, sentence) => {
  const network = await resolverOf(zone);
  const receiver = kept(await startReceiver());
  const ended = await deliver(
    { url: `http://hooks.example:${receiver.port}/` },
    { network, deadlineMs: 700 },
  );
  expect(told(ended)).toEqual([
    ['full', errorClass, sentence],
    ['full', errorClass, sentence],
  ]);
  expect(ended).toMatchObject({
    state: 'failed',
    reason: `all 2 attempts of the schedule failed; the last: ${sentence}`,
    endpoint: { breaker: 'closed', failures: errorClass === 'network' ? 0 : 2 },
  });
  expect(Object.keys(phasesOf(ended))).toEqual(['dns']);
  expect(receiver.connections).toBe(0);
});

it('three dead addresses before a good one: delivered within a second of trying, by one connection', async () => {
  const receiver = kept(await startReceiver());
  const dead = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
  const dialled: string[] = [];
  const network: Partial<OutboundOptions> = {
    resolve: async () => [...dead, '127.0.0.1'],
    connect: (options) => {
      const { host = '' } = options;
      dialled.push(host);
      // As of a firewall that drops the packets: nothing is ever heard.
      return dead.includes(host) ? new Socket() : connectTcp(options);
    },
  };
  const ended = await deliver({ url: `http://hooks.example:${receiver.port}/` }, { network });
  expect(told(ended)).toEqual([['full', 200, null]]);
  expect(dialled).toEqual([...dead, '127.0.0.1']);
  const { connect } = phasesOf(ended);
  expect(connect).toBeGreaterThan(700);
  expect(connect).toBeLessThan(2_000);
  expect(ended.attempts[0]?.address).toBe('127.0.0.1');
  expect(receiver.connections).toBe(1);
  expectEachOnce(receiver);
});

it('addresses that are all dead: out of time while connecting, and said so', async () => {
  const network: Partial<OutboundOptions> = {
    resolve: async () => ['192.0.2.1', '192.0.2.2'],
    connect: () => new Socket(),
  };
  const ended = await deliver({ url: 'http://hooks.example/' }, { network, deadlineMs: 600 });
  const sentence =
    'No connection within 0.6 s: the host does not answer there, or a firewall drops the packets.';
  expect(told(ended)).toEqual([
    ['full', 'timeout', sentence],
    ['full', 'timeout', sentence],
  ]);
  expect(ended.attempts[0]?.address).toBeNull();
  expect(ended).toMatchObject({ state: 'failed', endpoint: { failures: 2 } });
});

/** Takes 64 kB at most every 250 ms, as a line of 250 kB/s does; answers what came whole. */
const throttled = (heads: string[]) => (socket: Socket) => {
  let missing = 0;
  socket.on('data', (bytes) => {
    if (missing === 0) {
      const head = bytes.toString('latin1').split('\r\n\r\n')[0] ?? '';
      heads.push(head);
      missing = head.length + 4 + Number(/^content-length: (\d+)$/m.exec(head)?.[1]);
    }
    missing -= bytes.length;
    if (missing === 0) socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    socket.pause();
    setTimeout(() => socket.resume(), 250);
  });
};

it.each([
  [12, 'send', 'The far end did not take the whole request within 1.5 s.'],
  // The system takes all of it at once: it looks sent, and is not.
  [
    2,
    'firstByte',
    'No answer within 1.5 s: the line of the far end is too slow for a body of this size, or it works before it answers.',
  ],
])(
  '%d MB on a line of 250 kB/s: out of time, then delivered in reference form',
  async (megabytes, phase, sentence) => {
    const heads: string[] = [];
    const line = kept(await startSocketServer(throttled(heads)));
    const ended = await deliver(
      { url: line.url, bytes: megabytes * 1024 * 1024 },
      { deadlineMs: 1_500, schedule: [0, 1, 1] },
    );
    expect(told(ended)).toEqual([
      ['full', 'timeout', sentence],
      ['reference', 204, null],
    ]);
    expect(phasesOf(ended)[phase]).toBeGreaterThan(1_000);
    expect(ended).toMatchObject({ state: 'delivered', endpoint: { breaker: 'closed', failures: 0 } });
    const field = (name: string) => heads.map((head) => new RegExp(`^${name}: (.*)$`, 'm').exec(head)?.[1]);
    expect(field('ringback-attempt')).toEqual(['1', '2']);
    expect(new Set(field('webhook-id')).size).toBe(1);
  },
);
