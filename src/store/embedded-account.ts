/** Owns the choice of the OS account that the embedded PostgreSQL runs as. */
import { lstat, readFile } from 'node:fs/promises';
import os from 'node:os';
import { EmbeddedError, systemErrorCode } from './embedded-error.ts';

/** Numeric ids to drop to before `exec`; undefined means: stay the user we are. */
export type Account = { readonly uid: number; readonly gid: number };

/**
 * PostgreSQL refuses to run as root, and refuses a data folder that another account owns. So:
 *
 * - not root: ourselves;
 * - root with an existing cluster: its owner, whoever that is (a folder made by a normal user still starts under sudo);
 * - root with no cluster, or one that root was made the owner of (`cp -r`, `chown -R`): `nobody`.
 *
 * `nobody` is the one unprivileged account every Unix has, which is why it is taken; other daemons that run as `nobody` can
 * read the cluster's files. A machine where that matters runs Ringback as its own user, and none of this applies.
 */
export async function embeddedAccount(clusterDirectory: string): Promise<Account | undefined> {
  if (process.geteuid?.() !== 0) {
    requireNamedUser();
    return undefined;
  }
  const owner = await clusterOwner(clusterDirectory);
  if (owner && owner.uid !== 0) return owner;
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const nobody = accountNamed('nobody', passwd);
  if (nobody) return nobody;
  throw new EmbeddedError(
    'embedded_permission',
    'Running as root, and PostgreSQL refuses to: it needs the unprivileged user "nobody", which /etc/passwd does not have. ' +
      'Run Ringback as a normal user, or set DATABASE_URL to a PostgreSQL server.',
  );
}

/**
 * The ids of `name` in the text of an /etc/passwd (`name:password:uid:gid:…`). macOS writes nobody's -2 as a signed number;
 * the system calls take it as unsigned 32 bits.
 */
export function accountNamed(name: string, passwd: string): Account | undefined {
  for (const line of passwd.split('\n')) {
    const [entry, , uid, gid] = line.split(':');
    if (entry !== name || !uid || !gid) continue;
    const account = { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
    // uid 0 under another name would bring us back to where PostgreSQL refuses.
    return /^-?\d+$/.test(uid) && /^-?\d+$/.test(gid) && account.uid !== 0 ? account : undefined;
  }
  return undefined;
}

async function clusterOwner(directory: string): Promise<Account | undefined> {
  try {
    const { uid, gid } = await lstat(directory);
    return { uid, gid };
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** initdb looks its own user up by name and gives up on a bare number, as containers with `--user 1234` have. */
function requireNamedUser(): void {
  try {
    os.userInfo();
  } catch (error) {
    throw new EmbeddedError(
      'embedded_permission',
      `User id ${process.geteuid?.()} has no name in /etc/passwd, and PostgreSQL will not run without one. ` +
        'Run as a named user (add a line to /etc/passwd), or set DATABASE_URL to a PostgreSQL server.',
      { cause: error },
    );
  }
}
