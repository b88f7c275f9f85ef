/** Owns the cluster's folder and its password: made once, whole or not at all, checked at every start. */
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  lchown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import type { Account } from './embedded-account.ts';
import type { Binaries } from './embedded-binaries.ts';
import { EmbeddedError, systemErrorCode } from './embedded-error.ts';
import { folderFor, run } from './embedded-process.ts';

/** Both the role Ringback logs in as (no superuser; may create databases) and its database. */
export const ROLE = 'ringback';

/** The cluster's superuser. It has no password, so nobody can log in as it; single-user mode is its only door. */
const SUPERUSER = 'postgres';

/** Loopback with a password and nothing else: no local sockets, no replication, no `trust`. */
const HBA = 'host all all 127.0.0.1/32 scram-sha-256\n';

type Cluster = {
  /** `RINGBACK_DATA_DIR/postgres`. */
  readonly folder: string;
  /** The PostgreSQL data folder in it. */
  readonly directory: string;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
};

/**
 * Makes the cluster if there is none, checks it if there is one; returns the password. Call with the folder's lock held and
 * no server running.
 *
 * A new cluster is made aside, flushed to disk by the programs that make it, and renamed into place: a run killed at any instant leaves either nothing
 * that counts or a whole cluster.
 */
export async function prepareCluster(cluster: Cluster): Promise<{ password: string; created: boolean }> {
  const { folder, directory, account } = cluster;
  await removeUnfinished(folder);
  const stored = await readPassword(folder);
  if (!(await exists(directory))) {
    const password = stored ?? (await storePassword(folder, newPassword()));
    await createCluster(cluster, password);
    return { password, created: true };
  }
  await checkVersion(cluster);
  if (account && (await lstat(directory)).uid !== account.uid) await giveTo(account, directory);
  if (stored) return { password: stored, created: false };
  const password = newPassword();
  await setPassword(cluster, directory, password); // stored after: killed in between, the next start sets another
  await storePassword(folder, password);
  return { password, created: false };
}

/** Reads `PG_VERSION`. Throws `embedded_version` unless it is the major version of the binaries. */
export async function checkVersion({
  directory,
  binaries,
}: Pick<Cluster, 'directory' | 'binaries'>): Promise<void> {
  const found = await readFile(path.join(directory, 'PG_VERSION'), 'utf8').catch((error) => {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    throw new EmbeddedError(
      'embedded_version',
      `${directory} is not a PostgreSQL data folder (it has no PG_VERSION). Move it away, or choose another RINGBACK_DATA_DIR.`,
    );
  });
  const major = found.trim();
  if (major === String(binaries.major)) return;
  throw new EmbeddedError(
    'embedded_version',
    `The database in ${directory} was made by PostgreSQL ${major}; this release of Ringback brings ${binaries.version}, which cannot ` +
      `read it. Either run the earlier release, save with pg_dump, move the folder away, start this one and load with psql; ` +
      `or serve the folder with a PostgreSQL ${major} of your own and set DATABASE_URL; or choose another RINGBACK_DATA_DIR.`,
  );
}

async function createCluster(cluster: Cluster, password: string): Promise<void> {
  const { folder, directory, binaries, account } = cluster;
  const aside = await asideFolder(folder);
  try {
    if (account) await giveTo(account, aside);
    const { cwd, argument } = folderFor(aside, account);
    await must('initdb', binaries.initdb, account, cwd, [
      ...['-D', argument, '-U', SUPERUSER, '--auth=reject', '--encoding=UTF8', '--no-instructions'],
      // Built into PostgreSQL: sorts the same on every machine, whatever locales the system has or loses in an upgrade.
      ...['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
    ]);
    await writeFile(path.join(aside, 'pg_hba.conf'), HBA, { flush: true });
    await singleUser(cluster, aside, [
      `CREATE ROLE ${ROLE} LOGIN CREATEDB PASSWORD '${password}'`,
      `CREATE DATABASE ${ROLE} OWNER ${ROLE}`,
    ]);
    await rename(aside, directory);
    await syncFolder(folder);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** For a folder whose password file was lost, as by a backup that skips secrets. */
function setPassword(cluster: Cluster, directory: string, password: string): Promise<void> {
  return singleUser(cluster, directory, [`ALTER ROLE ${ROLE} PASSWORD '${password}'`]);
}

/** Runs statements as superuser without a server. Single-user mode goes on after a failed statement, so its words are read. */
async function singleUser(
  { binaries, account }: Cluster,
  directory: string,
  statements: readonly string[],
): Promise<void> {
  const { cwd, argument } = folderFor(directory, account);
  // What fails is not quoted: a statement may hold the password, and the text ends up in an error.
  const quiet = [
    '-c',
    'log_checkpoints=off',
    '-c',
    'log_statement=none',
    '-c',
    'log_min_error_statement=panic',
  ];
  const args = ['--single', '-D', argument, ...quiet];
  const input = `${statements.join('\n')}\n`; // one statement a line: in this mode a newline ends it
  const text = await must('postgres --single', binaries.postgres, account, cwd, [...args, 'postgres'], input);
  if (/\b(ERROR|FATAL|PANIC):/.test(text)) throw failed('postgres --single', text);
}

async function must(
  title: string,
  file: string,
  account: Account | undefined,
  cwd: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  try {
    const { code, signal, text } = await run(
      file,
      args,
      account,
      input === undefined ? { cwd } : { cwd, input },
    );
    if (code !== 0) throw failed(title, text || `ended with ${signal ?? code}`);
    return text;
  } catch (error) {
    if (error instanceof EmbeddedError) throw error;
    throw failed(title, (error as Error).message);
  }
}

function failed(title: string, text: string): EmbeddedError {
  const tail = text.split('\n').slice(-15).join('\n');
  return new EmbeddedError(
    'embedded_start',
    `The embedded PostgreSQL could not be set up; ${title} says:\n${tail}`,
  );
}

async function asideFolder(folder: string): Promise<string> {
  const aside = path.join(folder, `new-${randomBytes(6).toString('hex')}`);
  await mkdir(aside, { mode: 0o700 });
  await chmod(aside, 0o700); // whatever a set-group-id parent or an access list added
  return aside;
}

/** A killed run's initdb may still be writing into its own; then it stays until the next start. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (/^new-[0-9a-f]{12}$/.test(name)) {
      await rm(path.join(folder, name), { recursive: true, force: true }).catch(() => {});
    }
  }
}

/** Changes the owner of a cluster and all in it. Links are changed themselves, never followed. */
async function giveTo({ uid, gid }: Account, directory: string): Promise<void> {
  try {
    for (const name of await readdir(directory, { recursive: true }))
      await lchown(path.join(directory, name), uid, gid);
    await chown(directory, uid, gid);
  } catch (error) {
    throw new EmbeddedError(
      'embedded_permission',
      `Running as root, PostgreSQL has to run as user id ${uid}, and ${directory} cannot be given to it: ${(error as Error).message}. ` +
        'Run Ringback as a normal user, choose a RINGBACK_DATA_DIR on a local disk, or set DATABASE_URL to a PostgreSQL server.',
      { cause: error },
    );
  }
}

const passwordFile = (folder: string) => path.join(folder, 'password');

export async function readPassword(folder: string): Promise<string | undefined> {
  try {
    return (await readFile(passwordFile(folder), 'utf8')).trim() || undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** 256 random bits in the URL-safe alphabet, so that it needs no quoting in SQL or in a connection string. */
const newPassword = () => randomBytes(32).toString('base64url');

/** Readable by us alone, and on disk when this returns. */
async function storePassword(folder: string, password: string): Promise<string> {
  const aside = `${passwordFile(folder)}.new`;
  await rm(aside, { force: true });
  const handle = await open(aside, 'wx', 0o600);
  try {
    await handle.writeFile(`${password}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(aside, passwordFile(folder));
  await syncFolder(folder);
  return password;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    (error) => {
      if (systemErrorCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
}
