// What the hostile proof stands on: one `ringback serve` with two accounts, a receiver and an audio host that are well, and
// somebody in a process of its own who asks `/healthz` all the time and looks at the server's memory and descriptors.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { clientOf } from '../../rig/app.ts';
import type { Seen } from './watcher.ts';

const BINARY = fileURLToPath(new URL('../../../src/cli/ringback.ts', import.meta.url));
const CLIP = new URL('../../fixtures/speech/vm-advopts.wav', import.meta.url);
const KEYS = { attacker: 'rb_hostile_attacker_0123', victim: 'rb_hostile_victim_012345' } as const;

export type Account = ReturnType<typeof clientOf>;

export type Ground = {
  url: string;
  pid: number;
  attacker: Account;
  victim: Account;
  /** A few words of speech. */
  clip: Buffer;
  far: FarEnd;
  /** What was seen of the server while `work` went on. */
  watched<T>(work: () => Promise<T>): Promise<Seen & { result: T }>;
  /** Whether it still runs; with what it said last, if not. */
  ended(): string | null;
  stop(): Promise<void>;
};

export type FarEnd = {
  url: string;
  /** When each callback came (performance.now), by the path it came to. */
  arrivals: Map<string, number>;
  /** Connections to `/hang` and `/drip` at this moment. */
  arrived(path: string, withinMs: number): Promise<number>;
  close(): Promise<void>;
};

/** `descriptors`: as few as the system shall allow the server. */
export async function openGround({ descriptors }: { descriptors?: number } = {}): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-hostile-'));
  const clip = await readFile(CLIP);
  const far = await startFarEnd(clip);
  const serve = [process.execPath, BINARY, 'serve'];
  const [command = '', ...args] =
    descriptors === undefined ? serve : ['sh', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'sh', ...serve];
  const child = spawn(command, args, {
    env: {
      PATH: process.env.PATH,
      RINGBACK_DATA_DIR: folder,
      RINGBACK_API_KEYS: Object.values(KEYS).join(','),
      RINGBACK_PORT: '0',
      RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
      RINGBACK_RETRY_SCHEDULE: `0s,${Array(40).fill('2s').join(',')}`,
      RINGBACK_MAX_QUEUED_JOBS: 'off',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (chunk) => {
    said = (said + chunk).slice(-4_000);
  });
  const url = await new Promise<string>((resolve, reject) => {
    let listening = '';
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('"msg":"listening"')) listening = JSON.parse(line).url;
      if (line.includes('"msg":"ready"')) resolve(listening);
    });
    void exited.then(([code]) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
  const pid = child.pid as number;
  return {
    url,
    pid,
    attacker: clientOf(url, KEYS.attacker),
    victim: clientOf(url, KEYS.victim),
    clip,
    far,
    watched: (work) => watched(url, pid, work),
    ended: () =>
      child.exitCode === null && child.signalCode === null
        ? null
        : `${child.exitCode ?? child.signalCode}: ${said}`,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      process.off('exit', kill);
      await far.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function watched<T>(url: string, pid: number, work: () => Promise<T>): Promise<Seen & { result: T }> {
  const watcher: ChildProcess = fork(fileURLToPath(new URL('./watcher.ts', import.meta.url)), [
    url,
    String(pid),
  ]);
  try {
    await once(watcher, 'message');
    const result = await work();
    watcher.send('enough');
    const [seen] = (await once(watcher, 'message')) as [Seen];
    return { ...seen, result };
  } finally {
    watcher.kill();
  }
}

/** `/clip`: speech. `/drip`: audio, a byte every five seconds. `/hang/…`: no answer ever. Everything else: 200, on record. */
async function startFarEnd(clip: Buffer): Promise<FarEnd> {
  const arrivals = new Map<string, number>();
  const server: Server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/clip')) {
      response.writeHead(200, { 'content-type': 'audio/wav', 'content-length': clip.length }).end(clip);
    } else if (path.startsWith('/drip')) {
      response.writeHead(200, { 'content-type': 'audio/wav', 'content-length': clip.length });
      let at = 0;
      const drip = setInterval(() => response.write(clip.subarray(at, ++at)), 5_000);
      response.write(clip.subarray(at, ++at));
      response.once('close', () => clearInterval(drip));
    } else if (path.startsWith('/missing')) {
      response.writeHead(404).end();
    } else {
      request.resume();
      request.once('end', () => {
        if (!arrivals.has(path)) arrivals.set(path, performance.now());
        if (!path.startsWith('/hang')) response.writeHead(200).end();
      });
    }
  });
  await once(server.listen(0, '127.0.0.1', 4_096), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrivals,
    async arrived(path, withinMs) {
      for (const until = performance.now() + withinMs; performance.now() < until; ) {
        const at = arrivals.get(path);
        if (at !== undefined) return at;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return Number.POSITIVE_INFINITY;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
