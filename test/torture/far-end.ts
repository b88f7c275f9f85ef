// The far end of a torture run: receivers whose moods change, an audio host, and the ledger of every callback that came
// in. The ledger is the receivers' own: it knows nothing of the database it is compared with later.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { verify } from '../../src/signature.ts';
import type { Random } from './random.ts';

export const MOODS = ['error', 'patience', 'date', 'hang', 'reset', 'too_large', 'half_answer'] as const;
/** What a receiver does with a request. `half_answer`: 200, and the connection breaks in the body. */
export type Mood = 'good' | (typeof MOODS)[number];

export type Arrival = {
  endpoint: number;
  jobId: string;
  webhookId: string;
  attempt: number;
  /** performance.now() */
  at: number;
  mood: Mood;
  /** The status line that was handed to the socket; null for none. */
  status: number | null;
  genuine: boolean;
  body: string;
};

export type FarEnd = {
  url: string;
  arrivals: Arrival[];
  /** Most requests at one endpoint at the same time. */
  readonly mostAtOnce: number;
  hook(endpoint: number): string;
  /** Everybody answers 200 from now on. */
  settle(): void;
  close(): Promise<void>;
};

export type FarEndOptions = {
  random: Random;
  secret: string;
  endpoints: number;
  clip: Buffer;
  /** Milliseconds of good spells and bad ones, from and to. */
  spells?: { good: readonly [number, number]; bad: readonly [number, number] };
  /** Share of requests that go wrong in a good spell. */
  blips?: number;
  /** Milliseconds before each answer, so that there is always something in flight. */
  answerAfterMs?: number;
};

export async function startFarEnd(options: FarEndOptions): Promise<FarEnd> {
  const { random, secret, clip, blips = 0, answerAfterMs = 0 } = options;
  const moodOf = moods(options);
  const arrivals: Arrival[] = [];
  const open = new Map<number, number>();
  let mostAtOnce = 0;
  let settled = options.spells === undefined && blips === 0;

  const answer = (arrival: Arrival, response: ServerResponse) => {
    const send = (status: number, headers: Record<string, string> = {}, body = '') => {
      arrival.status = status;
      response.writeHead(status, headers);
      response.end(body);
    };
    switch (arrival.mood) {
      case 'good':
        return send(200);
      case 'error':
        return send(500, {}, 'no');
      case 'patience':
        return send(429, { 'retry-after': '2' });
      case 'date':
        return send(503, { 'retry-after': new Date(Date.now() + 2_000).toUTCString() });
      case 'hang':
        return;
      case 'reset':
        response.socket?.resetAndDestroy();
        return;
      case 'too_large':
        // An error event has no smaller form: a 413 would rightly be the end of it.
        return send(arrival.body.includes('"payload":') ? 413 : 200);
      case 'half_answer':
        arrival.status = 200;
        response.writeHead(200, { 'content-length': '100' });
        response.write('half');
        response.socket?.end();
        return;
      default:
        return arrival.mood satisfies never;
    }
  };
  const receive = async (endpoint: number, request: IncomingMessage, response: ServerResponse) => {
    const now = (open.get(endpoint) ?? 0) + 1;
    open.set(endpoint, now);
    mostAtOnce = Math.max(mostAtOnce, now);
    response.once('close', () => open.set(endpoint, (open.get(endpoint) ?? 1) - 1));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const blip = !settled && random.next() < blips;
    const arrival: Arrival = {
      endpoint,
      jobId: JSON.parse(body).id,
      webhookId: String(request.headers['webhook-id']),
      attempt: Number(request.headers['ringback-attempt']),
      at: performance.now(),
      mood: settled ? 'good' : blip ? random.pick(MOODS) : moodOf(endpoint),
      status: null,
      genuine: verify(secret, request.headers, body).ok,
      body,
    };
    arrivals.push(arrival);
    if (answerAfterMs > 0) await wait(answerAfterMs);
    answer(arrival, response);
  };
  const server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
    const path = request.url ?? '';
    const endpoint = /^\/hook\/(\d+)/.exec(path)?.[1];
    // The sender may be killed in the middle of its request: then there is nothing to answer.
    if (endpoint !== undefined) receive(Number(endpoint), request, response).catch(() => response.destroy());
    else if (path.startsWith('/clip'))
      response.writeHead(200, { 'content-type': 'audio/wav', 'content-length': clip.length }).end(clip);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    arrivals,
    get mostAtOnce() {
      return mostAtOnce;
    },
    hook: (endpoint) => `${url}/hook/${endpoint}`,
    settle() {
      settled = true;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** Every endpoint lives through good and bad spells of its own. */
function moods({ random, endpoints, spells }: FarEndOptions): (endpoint: number) => Mood {
  if (!spells) return () => 'good';
  const lives = Array.from({ length: endpoints }, () => ({
    random: random.split(),
    mood: 'good' as Mood,
    until: 0,
  }));
  return (endpoint) => {
    const life = lives[endpoint];
    if (!life) return 'good';
    for (const now = performance.now(); life.until < now; ) {
      life.mood = life.mood === 'good' ? life.random.pick(MOODS) : 'good';
      const spell = life.mood === 'good' ? spells.good : spells.bad;
      life.until = Math.max(life.until, now - 60_000) + life.random.integer(...spell);
    }
    return life.mood;
  };
}
