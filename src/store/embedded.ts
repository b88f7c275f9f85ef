/** Owns the life of the embedded PostgreSQL: from a data folder to a connection string, and to a clean stop. */
import type { ChildProcess } from 'node:child_process';
import { mkdir, realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { type Account, embeddedAccount } from './embedded-account.ts';
import { type Binaries, copyFoldersFor, packagedBinaries, usableBinaries } from './embedded-binaries.ts';
import { prepareCluster, ROLE } from './embedded-cluster.ts';
import { EmbeddedError, systemErrorCode } from './embedded-error.ts';
import { lockFolder } from './embedded-lock.ts';
import { type LogLine, serverLog } from './embedded-log.ts';
import { clearLeftovers } from './embedded-orphan.ts';
import { folderFor, launch } from './embedded-process.ts';

export type EmbeddedPostgres = {
  /** `postgresql://ringback:…@127.0.0.1:PORT/ringback`. Holds the password: never log it. The port changes at every start. */
  readonly connectionString: string;
  /** `18.4` */
  readonly version: string;
  /** Fast shutdown: open transactions are rolled back, clients cut off. Resolves when the server is gone. May be called again. */
  stop(): Promise<void>;
  /** Resolves (never rejects) when the server is gone; `expected` is false when nobody called `stop`. */
  readonly exited: Promise<Exit>;
};

export type Exit = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly expected: boolean;
  /** The last lines the server wrote. */
  readonly tail: string;
};

export type EmbeddedOptions = {
  /** RINGBACK_DATA_DIR. Made if missing; the database is in `postgres/` below it, wherever it is and whoever we are. */
  readonly dataDirectory: string;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
  /** PostgreSQL settings over those below, as `{ max_connections: 20 }`. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Where to keep a copy of the programs when root needs one; see `copyFoldersFor`. */
  readonly copyFolders?: readonly string[];
};

/**
 * Given on the command line, so that they win over postgresql.conf and a new release's values hold for an old folder.
 *
 * A port on the loopback address rather than a Unix socket: a socket's path ends at 107 bytes (103 on macOS), which a data
 * folder easily passes; shared folders of Docker Desktop cannot hold sockets; and `psql "$url"` works as it is. What a socket
 * would add, that other users of the machine cannot even knock, the password makes good: 256 random bits, SCRAM.
 */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  authentication_timeout: '10s', // a stranger's idle connection holds one of max_connections no longer
  cluster_name: 'ringback', // in the process list

  // What "accepted means stored" stands on.
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',

  max_connections: 100,
  shared_buffers: '128MB',
  random_page_cost: '1.1', // solid state disks
  // Short statements by many clients: parallel plans only cost, and need more /dev/shm than a container's 64 MB.
  max_parallel_workers_per_gather: 0,
  max_parallel_maintenance_workers: 0,
  max_logical_replication_workers: 0,
  jit: 'off',
  io_method: 'sync', // the default keeps three more processes for reads that the cache serves here

  timezone: 'UTC',
  log_timezone: 'UTC',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '', // time and source are added by our own log
  log_min_messages: 'warning',
  log_error_verbosity: 'terse', // DETAIL quotes rows
  log_checkpoints: 'off',
  log_autovacuum_min_duration: -1,
} as const;

/** Our own promise is to be gone in 10 s after SIGTERM. An immediate shutdown loses nothing; the next start replays the log. */
const STOPPING = [
  { signal: 'SIGINT', after: 0 },
  { signal: 'SIGQUIT', after: 5_000 },
  { signal: 'SIGKILL', after: 8_000 },
] as const;

/**
 * Starts PostgreSQL on `dataDirectory/postgres` and returns when it answers. Throws `EmbeddedError`; nothing is left running then.
 *
 * The data stays under `dataDirectory` also as root with the folder in root's home: see `folderFor`. As root the files belong
 * to `nobody` (see `embeddedAccount`). First start 1 to 2.5 s (initdb, bound by processor and disk), later 0.1 s. A server that a killed Ringback left behind is
 * stopped first; a second living Ringback on the folder gets `embedded_in_use`.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { log } = options;
  const folder = await openFolder(options.dataDirectory);
  const lock = await lockFolder(folder).catch(notOurs(folder));
  try {
    const directory = path.join(folder, 'cluster');
    const account = await embeddedAccount(directory);
    const binaries = await usableBinaries({
      native: await packagedBinaries(),
      account,
      copyFolders: options.copyFolders ?? copyFoldersFor(account, path.join(folder, 'programs')),
      log,
    });
    const leftovers = await clearLeftovers(directory);
    if (leftovers === 'stopped server')
      log('Stopped the embedded PostgreSQL that a killed run had left behind');
    const { password, created } = await prepareCluster({ folder, directory, binaries, account }).catch(
      notOurs(folder),
    );
    if (created) log('Created the embedded database', { directory, version: binaries.version });
    const settings = { ...SETTINGS, ...options.settings };
    const server = await startServer({ directory, binaries, account, settings, log });
    const connectionString = `postgresql://${ROLE}:${password}@127.0.0.1:${server.port}/${ROLE}`;
    try {
      await checkLogin(connectionString, folder);
    } catch (error) {
      await server.stop();
      throw error;
    }
    // Also keeps the lock's descriptor from being collected while the server runs.
    const exited = server.exited.finally(() => lock.release());
    return {
      connectionString,
      version: binaries.version,
      exited,
      stop: async () => {
        await server.stop();
        await exited;
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** `dataDirectory/postgres` by its real path, closed to others. */
async function openFolder(dataDirectory: string): Promise<string> {
  const folder = path.resolve(dataDirectory, 'postgres');
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await realpath(folder);
  } catch (error) {
    return notOurs(folder)(error);
  }
}

/** Turns a refused access into the sentence that says what to do. */
function notOurs(folder: string): (error: unknown) => never {
  return (error) => {
    // SQLite: 8 read-only, 14 cannot open.
    const refused =
      ['EACCES', 'EPERM', 'EROFS'].includes(systemErrorCode(error) ?? '') ||
      [8, 14].includes((error as { errcode?: number }).errcode ?? 0);
    if (!refused) throw error;
    throw new EmbeddedError(
      'embedded_permission',
      `User id ${process.geteuid?.()} may not use ${folder} (${(error as Error).message}). Run Ringback as the user who first ran it there, ` +
        'or as root, or choose another RINGBACK_DATA_DIR.',
      { cause: error },
    );
  };
}

type ServerOptions = {
  directory: string;
  binaries: Binaries;
  account: Account | undefined;
  settings: Readonly<Record<string, string | number>>;
  log: EmbeddedOptions['log'];
};

type Server = { port: number; stop(): Promise<void>; exited: Promise<Exit> };

async function startServer(options: ServerOptions): Promise<Server> {
  const giveUp = performance.now() + 10_000;
  for (;;) {
    const port = await freePort();
    const outcome = await tryServer(options, port);
    if (!('tail' in outcome)) return { port, ...outcome };
    // Another program took the port between our look and PostgreSQL's; or the children of a PostgreSQL that was killed are still
    // ending (each notices by itself). Both pass.
    const passing = /could not bind|pre-existing shared memory block/.test(outcome.tail);
    if (!passing || performance.now() > giveUp) {
      const how = outcome.signal ? `was ended by ${outcome.signal}` : `ended with code ${outcome.code}`;
      throw new EmbeddedError(
        'embedded_start',
        `The embedded PostgreSQL ${how} while starting on ${options.directory}. Its last words:\n${outcome.tail || '(none)'}`,
      );
    }
    await wait(100);
  }
}

/** One start: a running server, or how it ended. */
async function tryServer(options: ServerOptions, port: number): Promise<Omit<Server, 'port'> | Exit> {
  const { directory, binaries, account, log } = options;
  const { cwd, argument } = folderFor(directory, account);
  const settings = Object.entries({ ...options.settings, port });
  const args = ['-D', argument, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  // A session of its own: Ctrl-C on the terminal goes to us alone, and we stop it when its clients are done.
  const child = launch(binaries.postgres, args, account, {
    cwd,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // Whatever ends this process without `stop`, short of a signal: nothing stays behind.
  const stopWithUs = () => child.kill('SIGINT');
  process.once('exit', stopWithUs);

  const ready = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  let started = false;
  const lines = serverLog();
  if (child.stderr) {
    createInterface({ input: child.stderr }).on('line', (text) => {
      const line = lines.add(text);
      if (/database system is ready to accept connections/.test(text)) ready.resolve();
      if (!stopping && worthTelling(line, started))
        log(`PostgreSQL: ${line.message}`, { severity: line.severity });
    });
  }
  const ended = Promise.withResolvers<Exit>();
  child.once('error', (error) => {
    if (child.pid === undefined)
      ended.resolve({ code: null, signal: null, expected: false, tail: error.message });
  });
  child.once('exit', (code, signal) => {
    const end = () => ended.resolve({ code, signal, expected: stopping !== undefined, tail: lines.tail() });
    child.once('close', end);
    // A backend that survives a killed server for a moment keeps the pipe open; its words are not waited for.
    setTimeout(end, 250).unref();
  });
  const exited = ended.promise.finally(() => process.removeListener('exit', stopWithUs));

  const slow = setTimeout(
    () => log('The embedded PostgreSQL is still starting (recovery after a crash can take a while)'),
    10_000,
  );
  const early = await Promise.race([ready.promise, exited]);
  clearTimeout(slow);
  if (early) return early;
  started = true;
  return {
    exited,
    stop: () => {
      stopping ??= stopChild(child, exited);
      return stopping;
    },
  };
}

async function stopChild(child: ChildProcess, exited: Promise<Exit>): Promise<void> {
  const timers = STOPPING.map(({ signal, after }) => setTimeout(() => child.kill(signal), after));
  await exited;
  for (const timer of timers) clearTimeout(timer);
}

/** The routine of every start is kept for the tail alone; a recovery, and whatever is said later, is told. */
function worthTelling({ severity, message }: LogLine, started: boolean): boolean {
  return severity !== 'LOG' || started || /interrupted|not properly shut down|recovery/.test(message);
}

/** The kernel's choice of a port that is free now. */
async function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const probe = createServer().once('error', reject);
  probe.listen(0, '127.0.0.1', () => {
    const address = probe.address();
    probe.close(() =>
      typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
    );
  });
  return promise;
}

async function checkLogin(connectionString: string, folder: string): Promise<void> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {}); // a break after the answer is reported by `exited`
  try {
    await client.connect();
    await client.end();
  } catch (error) {
    const code = systemErrorCode(error);
    // invalid_authorization_specification, invalid_password
    if (code !== '28P01' && code !== '28000') throw error;
    throw new EmbeddedError(
      'embedded_password',
      `The password in ${path.join(folder, 'password')} does not open the database "${ROLE}" (${(error as Error).message}). ` +
        'Put the right file back, or remove it: a new password is then set at the next start.',
      { cause: error },
    );
  }
}
