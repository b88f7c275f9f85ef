/** What the tests of the embedded PostgreSQL share: folders that go away, the child process, queries on one connection. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { cp, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { afterAll, onTestFinished } from 'vitest';
import { type EmbeddedPostgres, startEmbedded } from '../../src/store/embedded.ts';
import { clearLeftovers } from '../../src/store/embedded-orphan.ts';

export const CHILD = path.join(import.meta.dirname, 'embedded-child.ts');

/** A new folder, removed at the end of the test; call before what writes to it (the last made is the first undone). */
export function temporaryFolder(parent = os.tmpdir()): string {
  const folder = mkdtempSync(path.join(parent, 'ringback-embedded-'));
  onTestFinished(async () => {
    await clearLeftovers(clusterOf(folder)); // of children that were killed, or are on their way out
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return folder;
}

let made: Promise<string> | undefined;
const madeIn = new Set<string>();
afterAll(() => {
  for (const folder of madeIn) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** A data folder with a database in it that is not running: made once per file (1 s), then copied (0.2 s). */
export async function folderWithDatabase(parent?: string): Promise<string> {
  made ??= (async () => {
    const template = mkdtempSync(path.join(os.tmpdir(), 'ringback-embedded-'));
    madeIn.add(template);
    await (await startEmbedded({ dataDirectory: template, log: () => {} })).stop();
    return template;
  })();
  const folder = temporaryFolder(parent);
  await cp(await made, folder, { recursive: true, mode: constants.COPYFILE_FICLONE });
  return folder;
}

/** Starts in this process; stopped at the end of the test if the test did not. `logged` are the messages so far. */
export async function startHere(
  dataDirectory: string,
  settings: Record<string, string | number> = {},
): Promise<EmbeddedPostgres & { logged: string[] }> {
  const logged: string[] = [];
  const server = await startEmbedded({ dataDirectory, settings, log: (message) => logged.push(message) });
  onTestFinished(() => server.stop());
  return { ...server, logged };
}

export type Happening = { event: string; [field: string]: unknown };

export type Child = {
  readonly process: ChildProcess;
  readonly happenings: Happening[];
  /** The first happening of that name, also one that has been; rejects when the child ends without it. */
  happening(event: string): Promise<Happening>;
  readonly exited: Promise<number | NodeJS.Signals>;
  command(word: 'stop' | 'exit'): void;
};

export function startChild(
  args: readonly string[],
  options: { uid?: number; gid?: number; script?: string; cwd?: string } = {},
): Child {
  const { script = CHILD, ...ids } = options;
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // a process group of its own, to be interrupted as a whole
    env: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1' },
    ...ids,
  });
  const happenings: Happening[] = [];
  const waiting = new Set<() => void>();
  let over = false;
  const wake = () => {
    for (const check of waiting) check();
  };
  createInterface({ input: child.stdout as NodeJS.ReadableStream })
    .on('line', (line) => {
      happenings.push(JSON.parse(line));
      wake();
    })
    .on('close', () => {
      over = true;
      wake();
    });
  const exited = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? signal ?? -1));
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return {
    process: child,
    happenings,
    exited,
    command: (word) => child.stdin?.write(`${word}\n`),
    happening: (event) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const found = happenings.find((happening) => happening.event === event);
          if (!found && !over) return;
          waiting.delete(check);
          if (found) resolve(found);
          else reject(new Error(`The child ended without "${event}": ${JSON.stringify(happenings)}`));
        };
        waiting.add(check);
        check();
      }),
  };
}

/** A started child and where its database answers. */
export async function startReadyChild(
  args: readonly string[],
  options: Parameters<typeof startChild>[1] = {},
): Promise<Child & { connectionString: string }> {
  const child = startChild(args, options);
  const first = await Promise.race([child.happening('ready'), child.happening('refused')]);
  if (first.event !== 'ready') throw new Error(`The child refused: ${first.message}`);
  return { ...child, connectionString: String(first.connectionString) };
}

/** A connection for the length of the test. `closed` resolves with the server's last words (`57P01`: it was told to stop). */
export async function connect(
  connectionString: string,
): Promise<Client & { closed: Promise<string | undefined> }> {
  const client = new Client({ connectionString });
  let reason: string | undefined;
  client.on('error', (error) => {
    reason ??= (error as { code?: string }).code;
  });
  const closed = new Promise<string | undefined>((resolve) => client.once('end', () => resolve(reason)));
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  return Object.assign(client, { closed });
}

/** One statement on a connection of its own: the first column of the first row. */
export async function ask(connectionString: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

export const clusterOf = (dataDirectory: string) => path.join(dataDirectory, 'postgres', 'cluster');

export async function serverPid(dataDirectory: string): Promise<number> {
  return Number.parseInt(await readFile(path.join(clusterOf(dataDirectory), 'postmaster.pid'), 'utf8'), 10);
}
