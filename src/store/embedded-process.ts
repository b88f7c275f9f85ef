/** Owns how the PostgreSQL binaries are started: as which account, with which environment, on which folder. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Account } from './embedded-account.ts';

/** Nothing of ours leaks into the server: PGPORT, PGDATA, PGOPTIONS, LD_PRELOAD, NODE_OPTIONS, secrets. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

export type Output = { code: number | null; signal: NodeJS.Signals | null; text: string };

/**
 * How to name `directory` to a PostgreSQL program: `cwd` is where it must be started, `argument` is what to pass to `-D`.
 *
 * As root, the folder may lie where the unprivileged account cannot go (/root has mode 0700), and we do not open up somebody's
 * home. But `spawn` enters `cwd` before it drops privileges, and a process may always use the folder it stands in: Linux's
 * /proc/self/cwd leads straight to it without walking the path. PostgreSQL stands in its data folder for its whole life
 * (`ChangeToDataDir`), and so do all its children, so the name stays right.
 * Relative names do not do: PostgreSQL turns `-D .` into the absolute path and is then refused. Without /proc (macOS) the plain
 * path is all there is; root's home folder does not work there, and the error of initdb says so.
 */
export function folderFor(
  directory: string,
  account: Account | undefined,
): { cwd: string; argument: string } {
  const standsInside = account !== undefined && existsSync('/proc/self/cwd');
  return { cwd: directory, argument: standsInside ? '/proc/self/cwd' : directory };
}

/** `spawn` with the account and the clean environment. Supplementary groups are dropped by libuv when a uid is given. */
export function launch(
  file: string,
  args: readonly string[],
  account: Account | undefined,
  options: SpawnOptions,
): ChildProcess {
  return spawn(file, args, { ...options, env: ENVIRONMENT, ...account });
}

/** Runs a program to its end. `text` is stdout and stderr as they came. Rejects only when it cannot be started. */
export function run(
  file: string,
  args: readonly string[],
  account: Account | undefined,
  options: { cwd: string; input?: string },
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = launch(file, args, account, { cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
    }
    // A program that dies without reading its input is reported by its exit code, not by EPIPE.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, text: text.trim() }));
  });
}
