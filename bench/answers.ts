// Three ways to read an answer, by turns in one run, from one server in a process of its own: our own exchange
// (src/outbound), undici with the bytes of its socket tapped, node:http with `insecureHTTPParser`. Processor time and rate
// of small answers to POSTs of 2 kB; then, of each odd answer, what each way reads and whether it uses the connection
// again. `--requests N` of a turn (20000), `--rounds N` (5), `--at-a-time N` (16).
import { Agent, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildConnector, Pool } from 'undici';
import { parseNetworks } from '../src/outbound/address.ts';
import { statusOf } from '../src/outbound/answer-head.ts';
import { Outbound } from '../src/outbound/request.ts';
import { BODY, machine } from './rig/ground.ts';
import { ODD, SMUGGLED_STATUS, startAnswerServer } from './rig/odd-answers.ts';

const DEADLINE_MS = 2_000;
/** Until a connection that is to be closed has been. */
const PAUSE_MS = 50;
const body = Buffer.from(BODY);

type Answer = { status: number | null; body: string };
type Way = { post(path: string): Promise<Answer>; close(): Promise<void> };
type MakeWay = (port: number, connections: number) => Way;

/** Our own: with its deadline, address policy and times of phases. */
const own: MakeWay = (port) => {
  const outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
  return {
    async post(path) {
      let text = '';
      const { head } = await outbound.exchange({
        url: `http://127.0.0.1:${port}/${path}`,
        method: 'POST',
        headers: {},
        body,
        deadlineMs: DEADLINE_MS,
        graceMs: 1_000,
        onData: (bytes) => {
          text += bytes.toString('latin1');
          return 'read';
        },
      });
      return { status: head?.status ?? null, body: text };
    },
    close: async () => outbound.close(),
  };
};

/** What came on the one connection that a request of this way is on; looked at when the parser has given up. */
const TAP_BYTES = 16_384;
type Tap = { text: string };

function tapped(taps: Set<Tap>): buildConnector.connector {
  const connect = buildConnector({});
  return (options, callback) =>
    connect(options, (error, socket) => {
      if (error) return callback(error, null);
      const tap: Tap = { text: '' };
      taps.add(tap);
      const push = (socket as Socket).push.bind(socket);
      (socket as Socket).push = (chunk, encoding) => {
        if (Buffer.isBuffer(chunk) && tap.text.length < TAP_BYTES) tap.text += chunk.toString('latin1');
        return push(chunk, encoding);
      };
      socket.once('close', () => setImmediate(() => taps.delete(tap)));
      callback(null, socket);
    });
}

/** A tap is emptied by whoever has an answer; with one request on a connection at a time it is that request's. */
const undici =
  (isTapped: boolean): MakeWay =>
  (port, connections) => {
    const taps = new Set<Tap>();
    const pool = new Pool(`http://127.0.0.1:${port}`, {
      connections,
      headersTimeout: DEADLINE_MS,
      bodyTimeout: DEADLINE_MS,
      ...(isTapped ? { connect: tapped(taps) } : {}),
    });
    return {
      async post(path) {
        try {
          const answer = await pool.request({ path: `/${path}`, method: 'POST', body });
          const text = await answer.body.text();
          return { status: answer.statusCode, body: text };
        } catch {
          const status = [...taps].map(({ text }) =>
            statusOf(text.replace(/^HTTP\/1\.1 1.*?\r\n\r\n/s, ''), true),
          );
          return { status: status.find((one) => one !== null) ?? null, body: '' };
        } finally {
          for (const tap of taps) tap.text = '';
        }
      },
      close: () => pool.destroy(),
    };
  };

const nodeHttp: MakeWay = (port, maxSockets) => {
  const agent = new Agent({ keepAlive: true, maxSockets });
  const post = (path: string) =>
    new Promise<Answer>((resolve, reject) => {
      const request = httpRequest(
        {
          host: '127.0.0.1',
          port,
          path: `/${path}`,
          method: 'POST',
          agent,
          timeout: DEADLINE_MS,
          insecureHTTPParser: true,
          headers: { 'content-length': body.length },
        },
        (answer) => {
          let text = '';
          answer.on('data', (bytes: Buffer) => {
            text += bytes.toString('latin1');
          });
          const done = () => resolve({ status: answer.statusCode ?? null, body: text });
          answer.on('end', done);
          answer.on('error', done);
        },
      );
      request.on('timeout', () => request.destroy(new Error('out of time')));
      request.on('error', reject);
      request.end(body);
    });
  return {
    post: (path) => post(path).catch(() => ({ status: null, body: '' })),
    close: async () => agent.destroy(),
  };
};

const TIMED: Readonly<Record<string, MakeWay>> = { own, undici_tapped: undici(true), node_http: nodeHttp };
const READERS: Readonly<Record<string, MakeWay>> = {
  own,
  undici: undici(false),
  undici_tapped: undici(true),
  node_http: nodeHttp,
};

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      requests: { type: 'string', default: '20000' },
      rounds: { type: 'string', default: '5' },
      'at-a-time': { type: 'string', default: '16' },
    },
  });
  const requests = Number(values.requests);
  const atATime = Number(values['at-a-time']);
  const server = await startAnswerServer();
  try {
    const turns: Record<string, { cpu_us: number; per_s: number }[]> = {};
    for (let round = -1; round < Number(values.rounds); round++)
      for (const [name, make] of Object.entries(TIMED)) {
        const figures = await turn(make(server.port, atATime), requests, atATime);
        // The first round warms up.
        if (round >= 0) turns[name] = [...(turns[name] ?? []), figures];
      }
    const answers: Record<string, Record<string, string>> = {};
    for (const odd of Object.keys(ODD)) {
      answers[odd] = {};
      for (const [name, make] of Object.entries(READERS))
        answers[odd][name] = await read(make(server.port, 1), odd);
    }
    return { bench: 'answers', ...machine(), requests, at_a_time: atATime, turns, answers };
  } finally {
    await server.close();
  }
}

async function turn(way: Way, requests: number, atATime: number) {
  let left = requests;
  const since = performance.now();
  const before = process.cpuUsage();
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      while (left-- > 0) {
        const { status } = await way.post('small');
        if (status !== 200) throw new Error(`a plain answer was read as ${status}`);
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - since) / 1_000;
  await way.close();
  return {
    cpu_us: Math.round(((user + system) / requests) * 10) / 10,
    per_s: Math.round(requests / seconds),
  };
}

/** What it is read as, and what becomes of the next request: on a connection of its own, or on the same, or fooled. */
async function read(way: Way, odd: string): Promise<string> {
  const { status } = await way.post(odd);
  await sleep(PAUSE_MS);
  const next = await way.post('who');
  await way.close();
  const kept = next.status === 200 && next.body === '1' ? 'closed' : next.status === 200 ? 'reused' : null;
  const fooled =
    next.status === SMUGGLED_STATUS ? 'next request takes the smuggled answer' : 'next request fails';
  return `${status ?? 'no answer'}, ${kept ?? fooled}`;
}
