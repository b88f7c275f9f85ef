// A receiver in a process of its own, so that it does not take its share of the sender's event loop. Answers 200 at
// once, or never; tells its parent how many requests it has had, and when they came.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

export type Sink = {
  url: string;
  /** Milliseconds (Date.now of its process) at which each request was complete, by the number in its `x` query. */
  arrivals(): Promise<Map<number, number>>;
  count(): Promise<number>;
  /** Resolves once so many requests have come. */
  reached(count: number): Promise<void>;
  close(): Promise<void>;
};

type Ask = { ask: 'arrivals' } | { ask: 'count' } | { ask: 'reached'; count: number };

export async function startSink(mode: 'answer' | 'silent' = 'answer'): Promise<Sink> {
  const child = fork(fileURLToPath(import.meta.url), ['sink', mode], { stdio: 'inherit' });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const ask = async <T>(question: Ask): Promise<T> => {
    child.send(question);
    const [answer] = (await once(child, 'message')) as [T];
    return answer;
  };
  return {
    url: `http://127.0.0.1:${port}`,
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

function serve(mode: string): void {
  const arrivals: [number, number][] = [];
  let wanted: number | null = null;
  const tell = (answer: unknown) => process.send?.(answer);
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const number = Number(/[?&]x=(\d+)/.exec(request.url ?? '')?.[1] ?? -1);
      arrivals.push([number, Date.now()]);
      if (mode === 'answer') response.writeHead(200, { 'content-length': 2 }).end('ok');
      if (wanted !== null && arrivals.length >= wanted) {
        wanted = null;
        tell('reached');
      }
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', 4_096, () => tell({ port: (server.address() as AddressInfo).port }));
  process.on('message', (question: Ask) => {
    if (question.ask === 'count') tell(arrivals.length);
    else if (question.ask === 'arrivals') tell(arrivals);
    else if (arrivals.length >= question.count) tell('reached');
    else wanted = question.count;
  });
  process.on('disconnect', () => process.exit(0));
}

if (process.argv[2] === 'sink' && process.send) serve(process.argv[3] ?? 'answer');
