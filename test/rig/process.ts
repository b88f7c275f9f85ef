// `ringback serve` as a process of its own, with its embedded database: for what only kills and signals can show.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { API_KEY, clientOf } from './app.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));

export type Served = ReturnType<typeof clientOf> & {
  child: ChildProcess;
  /** Log lines so far, parsed. */
  log: Record<string, unknown>[];
  /** Resolves with exit code and signal. */
  exited: Promise<[number | null, NodeJS.Signals | null]>;
  /** The first log line with this message. */
  logged(message: string): Promise<Record<string, unknown>>;
};

/**
 * Resolves once it listens; rejects with what it wrote when it ends before. `descriptors`: file descriptors that the
 * system allows it.
 */
export async function serve(
  dataDirectory: string,
  settings: Record<string, string> = {},
  { descriptors }: { descriptors?: number } = {},
): Promise<Served> {
  const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors} && `;
  const child = spawn('sh', ['-c', `${limit}exec "$0" "$1" serve`, process.execPath, BINARY], {
    env: {
      PATH: process.env.PATH,
      RINGBACK_DATA_DIR: dataDirectory,
      RINGBACK_API_KEYS: API_KEY,
      RINGBACK_PORT: '0',
      RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const log: Record<string, unknown>[] = [];
  const waiting: { message: string; resolve: (line: Record<string, unknown>) => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Record<string, unknown>;
    log.push(line);
    for (const waiter of waiting) if (waiter.message === line.msg) waiter.resolve(line);
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const logged = (message: string) => {
    const found = log.find((line) => line.msg === message);
    return found
      ? Promise.resolve(found)
      : new Promise<Record<string, unknown>>((resolve) => waiting.push({ message, resolve }));
  };
  const ended = exited.then(([code, signal]) => {
    throw new Error(`serve ended with ${code ?? signal} before it was ready: ${errors}`);
  });
  await Promise.race([logged('ready'), ended]);
  ended.catch(() => {});
  const { url } = await logged('listening');
  return { ...clientOf(url as string), child, log, exited, logged };
}
