// A receiver in a process of its own, so that it does not take its share of the sender's event loop. Answers 200 at
// once, after 14 s, or never, on one port or on many; tells its parent how many requests it has had, and when they came.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

export type SinkMode = 'answer' | 'slow' | 'silent';

export type Sink = {
  url: string;
  /** One for each port. */
  urls: readonly string[];
  /** Milliseconds (Date.now of its process) at which each request was complete, by the number in its `x` query. */
  arrivals(): Promise<Map<number, number>>;
  count(): Promise<number>;
  /** Resolves once so many requests have come. */
  reached(count: number): Promise<void>;
  close(): Promise<void>;
};

type Ask = { ask: 'arrivals' } | { ask: 'count' } | { ask: 'reached'; count: number };

/** Just inside the time that an attempt has. */
const SLOW_MS = 14_000;

export async function startSink(mode: SinkMode = 'answer', ports = 1): Promise<Sink> {
  const child = fork(fileURLToPath(import.meta.url), ['sink', mode, String(ports)], { stdio: 'inherit' });
  const [open] = (await once(child, 'message')) as [{ ports: number[] }];
  const urls = open.ports.map((port) => `http://127.0.0.1:${port}`);
  const ask = async <T>(question: Ask): Promise<T> => {
    child.send(question);
    const [answer] = (await once(child, 'message')) as [T];
    return answer;
  };
  return {
    url: urls[0] as string,
    urls,
    arrivals: async () => new Map(await ask<[number, number][]>({ ask: 'arrivals' })),
    count: () => ask<number>({ ask: 'count' }),
    reached: (count) => ask<never>({ ask: 'reached', count }),
    close: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.disconnect();
  await exited;
}

async function serve(mode: string, ports: number): Promise<void> {
  const arrivals: [number, number][] = [];
  let wanted: number | null = null;
  const tell = (answer: unknown) => process.send?.(answer);
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    request.on('end', () => {
      const number = Number(/[?&]x=(\d+)/.exec(request.url ?? '')?.[1] ?? -1);
      arrivals.push([number, Date.now()]);
      const answer = () => response.writeHead(200, { 'content-length': 2 }).end('ok');
      if (mode === 'answer') answer();
      else if (mode === 'slow') setTimeout(answer, SLOW_MS);
      if (wanted !== null && arrivals.length >= wanted) {
        wanted = null;
        tell('reached');
      }
    });
  };
  const open: number[] = [];
  for (let n = 0; n < ports; n++) {
    const server = createServer({ keepAliveTimeout: 60_000 }, handle);
    await once(server.listen(0, '127.0.0.1', 4_096), 'listening');
    open.push((server.address() as AddressInfo).port);
  }
  tell({ ports: open });
  process.on('message', (question: Ask) => {
    if (question.ask === 'count') tell(arrivals.length);
    else if (question.ask === 'arrivals') tell(arrivals);
    else if (arrivals.length >= question.count) tell('reached');
    else wanted = question.count;
  });
  process.on('disconnect', () => process.exit(0));
}

if (process.argv[2] === 'sink' && process.send)
  void serve(process.argv[3] ?? 'answer', Number(process.argv[4] ?? 1));
