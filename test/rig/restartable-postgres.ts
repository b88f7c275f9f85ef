// A PostgreSQL that is stopped and started again on the same port and folder, as an operator or a crash does it. The
// embedded one takes a new port at every start and is only ever stopped gently.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startEmbedded } from '../../src/store/embedded.ts';
import { embeddedAccount } from '../../src/store/embedded-account.ts';
import { copyFoldersFor, packagedBinaries, usableBinaries } from '../../src/store/embedded-binaries.ts';
import { folderFor, launch } from '../../src/store/embedded-process.ts';

/** As `pg_ctl stop -m`: `fast` rolls back and says goodbye, `immediate` is a crash: what was not flushed is gone. */
export type StopMode = 'fast' | 'immediate';

export type RestartablePostgres = {
  connectionString: string;
  port: number;
  /** Resolves when it is gone. */
  stop(mode: StopMode): Promise<void>;
  /** Resolves when it takes connections. */
  start(): Promise<void>;
};

export async function startRestartablePostgres(folder: string): Promise<RestartablePostgres> {
  const first = await startEmbedded({ dataDirectory: folder, log: () => {} });
  await first.stop();
  const { connectionString } = first;
  const port = Number(new URL(connectionString).port);
  const directory = join(folder, 'postgres', 'cluster');
  const account = await embeddedAccount(directory);
  const binaries = await usableBinaries({
    native: await packagedBinaries(),
    account,
    copyFolders: copyFoldersFor(account, join(folder, 'postgres', 'programs')),
    log: () => {},
  });
  const { cwd, argument } = folderFor(directory, account);
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    'logging_collector=off',
  ];
  let child: ChildProcess | undefined;
  const killIt = () => child?.kill('SIGQUIT');
  process.once('exit', killIt);

  const start = async () => {
    const server = launch(
      binaries.postgres,
      ['-D', argument, ...settings.flatMap((one) => ['-c', one])],
      account,
      {
        cwd,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    child = server;
    const said: string[] = [];
    const ready = Promise.withResolvers<void>();
    createInterface({ input: server.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      said.push(line);
      if (line.includes('ready to accept connections')) ready.resolve();
    });
    server.once('exit', () =>
      ready.reject(new Error(`PostgreSQL ended while starting:\n${said.join('\n')}`)),
    );
    await ready.promise;
  };
  await start();
  return {
    connectionString,
    port,
    start,
    async stop(mode) {
      const server = child;
      if (!server || server.exitCode !== null || server.signalCode !== null) return;
      const gone = once(server, 'exit');
      server.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await gone;
    },
  };
}
