// Several `ringback serve` processes on one database, each started again whenever it ends; for killing.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));

export const API_KEY = 'rb_torture_0123456789abcdef';

export type Fleet = {
  /** Those that listen at this moment. */
  urls(): string[];
  /** All its roles work. */
  isUp(slot: number): boolean;
  /** Of the process in this slot now. */
  pid(slot: number): number;
  /** SIGKILL, whatever it is doing, starting included. */
  kill(slot: number): void;
  /** Processes started so far. */
  readonly lives: number;
  readonly kills: number;
  /** Ends that nobody asked for: each is a bug. */
  readonly deaths: string[];
  /** Log lines of level error and above, by message. */
  readonly errors: Map<string, number>;
  /** Log lines of level warn, by message. */
  readonly warnings: Map<string, number>;
  stop(): Promise<void>;
};

export type FleetOptions = {
  size: number;
  databaseUrl: string;
  /** Each process gets a data folder in it; the stored audio is shared. */
  folder: string;
  settings: Record<string, string>;
};

type Slot = {
  child: ChildProcess;
  url: string | null;
  ready: boolean;
  ended: Promise<void>;
  killed: boolean;
};

export function startFleet({ size, databaseUrl, folder, settings }: FleetOptions): Fleet {
  let stopping = false;
  let lives = 0;
  let kills = 0;
  const deaths: string[] = [];
  const errors = new Map<string, number>();
  const warnings = new Map<string, number>();

  const start = (index: number): Slot => {
    lives++;
    const child = spawn(process.execPath, [BINARY, 'serve'], {
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: databaseUrl,
        RINGBACK_DATA_DIR: join(folder, `process-${index}`),
        RINGBACK_STORAGE: join(folder, 'audio'),
        RINGBACK_API_KEYS: API_KEY,
        RINGBACK_PORT: '0',
        RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said = (said + chunk).slice(-2_000);
    });
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
      if (text.startsWith('{"level":30') && !/"msg":"(listening|ready)"/.test(text)) return;
      const line = parsed(text);
      if (line === null) return;
      if (line.msg === 'listening') slot.url = String(line.url);
      if (line.msg === 'ready') slot.ready = true;
      const counts = line.level >= 50 ? errors : line.level >= 40 ? warnings : null;
      const what = [line.msg, line.err?.message].filter(Boolean).join(': ').slice(0, 200);
      counts?.set(what, (counts.get(what) ?? 0) + 1);
    });
    const ended = new Promise<void>((resolve) => {
      child.once('exit', (code, signal) => {
        slot.url = null;
        if (!stopping && !slot.killed) deaths.push(`ended by itself with ${code ?? signal}: ${said}`);
        if (!stopping) slots[index] = start(index);
        resolve();
      });
    });
    const slot: Slot = { child, url: null, ready: false, ended, killed: false };
    return slot;
  };
  const slots = Array.from({ length: size }, (_, index) => start(index));

  const killAll = () => {
    for (const { child } of slots) child.kill('SIGKILL');
  };
  process.once('exit', killAll);

  return {
    urls: () => slots.flatMap(({ url }) => url ?? []),
    isUp: (index) => slots[index]?.ready === true && !slots[index].killed,
    pid: (index) => slots[index]?.child.pid ?? -1,
    kill(index) {
      const slot = slots[index];
      if (!slot || slot.killed) return;
      kills++;
      slot.killed = true;
      slot.url = null;
      slot.child.kill('SIGKILL');
    },
    get lives() {
      return lives;
    },
    get kills() {
      return kills;
    },
    deaths,
    errors,
    warnings,
    async stop() {
      stopping = true;
      for (const { child } of slots) child.kill('SIGTERM');
      await Promise.all(slots.map(({ ended }) => ended));
      process.off('exit', killAll);
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a log line has whatever fields it has
function parsed(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    // A line that a kill cut short.
    return null;
  }
}
