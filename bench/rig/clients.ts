// Clients in a process of their own, with connections that are kept: each posts the same body again and again.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { percentile } from './ground.ts';

export type Posting = {
  /** The connections are spread over them. */
  urls: readonly string[];
  path: string;
  headers: Record<string, string>;
  body: string;
  connections: number;
  /** Not counted. */
  warmUpMs: number;
  countMs: number;
};

export type Posted = { count: number; per_s: number; p50_ms: number; p99_ms: number };

/** Rejects when anything but 201 is answered. */
export async function post(posting: Posting): Promise<Posted> {
  const child = fork(fileURLToPath(import.meta.url), ['clients']);
  child.send(posting);
  const [answer] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [Posted | number];
  if (typeof answer !== 'object') throw new Error(`the clients ended with ${answer}`);
  return answer;
}

async function run({ urls, path, headers, body, connections, warmUpMs, countMs }: Posting): Promise<Posted> {
  const took: number[] = [];
  const from = performance.now() + warmUpMs;
  const until = from + countMs;
  const pools = urls.map((url) => new Pool(url, { connections: Math.ceil(connections / urls.length) }));
  const client = async (pool: Pool | undefined) => {
    for (let began = performance.now(); pool && began < until; began = performance.now()) {
      const answer = await pool.request({ path, method: 'POST', headers, body });
      const text = await answer.body.text();
      if (answer.statusCode !== 201) throw new Error(`${answer.statusCode}: ${text}`);
      const ended = performance.now();
      if (began >= from && ended <= until) took.push(ended - began);
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, n) => client(pools[n % pools.length])));
  took.sort((a, b) => a - b);
  const rounded = (share: number) => Number(percentile(took, share).toFixed(1));
  return {
    count: took.length,
    per_s: Math.round((took.length / countMs) * 1_000),
    p50_ms: rounded(0.5),
    p99_ms: rounded(0.99),
  };
}

if (process.argv[2] === 'clients' && process.send)
  process.once('message', async (posting: Posting) => {
    process.send?.(await run(posting), () => process.exit(0));
  });
