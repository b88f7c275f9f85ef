/** Where the PostgreSQL programs are run from: in place, linked, or copied to where the account can read them. */
import { constants } from 'node:fs';
import { chmod, chown, cp, lstat, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { accountNamed } from '../../src/store/embedded-account.ts';
import { packagedBinaries, usableBinaries } from '../../src/store/embedded-binaries.ts';
import { temporaryFolder } from './embedded-rig.ts';

const root = process.geteuid?.() === 0;
const onlyRoot = root ? '' : ' (skipped: only root can become another user)';
const nobody = accountNamed('nobody', await readFile('/etc/passwd', 'utf8'));
const packaged = await packagedBinaries();

/** The platform package again, without what its install script makes. Returns its `native` folder. */
async function freshPackage(parent: string): Promise<string> {
  await cp(path.dirname(packaged), parent, {
    recursive: true,
    mode: constants.COPYFILE_FICLONE,
    filter: async (from) => !(await lstat(from)).isSymbolicLink(),
  });
  return path.join(parent, 'native');
}

const use = (native: string, account: typeof nobody, copyFolders: string[]) => {
  const copied: unknown[] = [];
  const log = (_message: string, fields?: Record<string, unknown>) => copied.push(fields?.to);
  return usableBinaries({ native, account, copyFolders, log }).then((binaries) => ({ ...binaries, copied }));
};

describe('the programs', () => {
  it('run in place where the install script has run, and nothing is copied', async () => {
    const copies = temporaryFolder();
    const found = await use(packaged, undefined, [copies]);
    expect(found).toMatchObject({ major: 18, copied: [], postgres: path.join(packaged, 'bin', 'postgres') });
    expect(found.version).toMatch(/^18\.\d+$/);
    expect(await readdir(copies)).toEqual([]);
  });

  it('run in place after an install without install scripts: the links are made', async () => {
    const native = await freshPackage(temporaryFolder());
    expect(await use(native, undefined, [])).toMatchObject({ major: 18, copied: [] });
  });

  it('that cannot run anywhere say why, and what to do', async () => {
    const native = await freshPackage(temporaryFolder());
    const copies = temporaryFolder();
    await writeFile(path.join(native, 'bin', 'postgres'), '#!/no/such/linker\n');
    await expect(use(native, undefined, [copies])).rejects.toMatchObject({
      code: 'embedded_binaries',
      message: expect.stringMatching(/DATABASE_URL[\s\S]*C library/),
    });
    expect(await readdir(copies)).toEqual([]); // what does not run here is not copied in vain
  });
});

describe.skipIf(!root)(`the copy that root makes${onlyRoot}`, () => {
  async function closedPackage(): Promise<string> {
    const native = await freshPackage(temporaryFolder());
    await chmod(path.dirname(native), 0o700);
    return native;
  }

  it('is made once, whole, readable by all and writable by root alone; and made again when a file is lost', async () => {
    const native = await closedPackage();
    const parent = temporaryFolder();
    await chmod(parent, 0o755);
    const copies = path.join(parent, 'made', 'here');
    const mask = process.umask(0o077);
    const first = await use(native, nobody, [copies]).finally(() => process.umask(mask));
    const copy = path.dirname(path.dirname(first.postgres));
    expect(first.copied).toEqual([copy]);
    expect(path.dirname(copy)).toBe(copies);
    for (const name of await readdir(copy, { recursive: true })) {
      const { uid, mode } = await lstat(path.join(copy, name));
      expect(uid).toBe(0);
      if (!(await lstat(path.join(copy, name))).isSymbolicLink()) expect(mode & 0o022).toBe(0);
    }
    expect((await use(native, nobody, [copies])).copied).toEqual([]);

    await rm(path.join(copy, 'share', 'postgresql', 'postgres.bki'));
    expect((await use(native, nobody, [copies])).copied).toEqual([copy]);
    expect((await stat(path.join(copy, 'share', 'postgresql', 'postgres.bki'))).size).toBeGreaterThan(0);
    expect(await readdir(copies)).toEqual([path.basename(copy)]); // nothing left aside
  });

  it('goes past folders that others can change, and past a place that another user took first', async () => {
    const native = await closedPackage();
    const parent = temporaryFolder();
    await chmod(parent, 0o755);
    const [open, taken, below, good] = ['open', 'taken', 'below', 'good'].map((name) =>
      path.join(parent, name),
    ) as [string, string, string, string];
    await mkdir(open);
    await chmod(open, 0o777);
    await mkdir(taken);
    await chown(taken, nobody?.uid ?? -1, nobody?.gid ?? -1);
    await mkdir(path.join(below, 'mine'), { recursive: true });
    await chmod(below, 0o777);
    const found = await use(native, nobody, [open, taken, path.join(below, 'mine'), good]);
    expect(path.dirname(path.dirname(path.dirname(found.postgres)))).toBe(good);
    expect(await readdir(open)).toEqual([]);
    expect(await readdir(taken)).toEqual([]);
  });

  it('made by several at once is one whole copy', async () => {
    const native = await closedPackage();
    const parent = temporaryFolder();
    await chmod(parent, 0o755);
    const found = await Promise.all([1, 2, 3].map(() => use(native, nobody, [parent])));
    expect(new Set(found.map(({ postgres }) => postgres)).size).toBe(1);
    expect(await readdir(parent)).toHaveLength(1);
    expect(await use(native, nobody, [parent])).toMatchObject({ copied: [] });
  });
});

describe('accounts in /etc/passwd', () => {
  const passwd =
    'root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nnobody:*:-2:-2::/:/bin/false\nalice:x:1000:1001::/:/bin/sh\n+\nbad:x:a:b\n';
  it.each([
    ['alice', { uid: 1000, gid: 1001 }],
    ['nobody', { uid: 4294967294, gid: 4294967294 }], // as macOS writes it
    ['toor', undefined],
    ['bad', undefined],
    ['nob', undefined],
  ])('%s', (name, account) => expect(accountNamed(name, passwd)).toEqual(account));
});
