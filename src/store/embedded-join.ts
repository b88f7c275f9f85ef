/** Owns the way into the embedded PostgreSQL of a data folder for a command that runs for a moment, server or no server. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { type EmbeddedOptions, startEmbedded } from './embedded.ts';
import { ROLE, readPassword } from './embedded-cluster.ts';
import { EmbeddedError, systemErrorCode } from './embedded-error.ts';

export type Joined = {
  /** Holds the password: never log it. */
  readonly connectionString: string;
  /** A running Ringback keeps this database: it may be of another version, and it is not ours to stop. */
  readonly running: boolean;
  stop(): Promise<void>;
};

/** A server that is starting, or another command that is ending, is given so long. */
const PATIENCE_MS = 10_000;
const POLL_MS = 100;

/**
 * Starts the embedded PostgreSQL, or, where a running Ringback has it, logs in to that one: whoever may read the folder's
 * password may use it. Throws `EmbeddedError`; `embedded_in_use` when the holder's database cannot be reached (a container
 * that shares the volume).
 */
export async function startOrJoinEmbedded(options: EmbeddedOptions): Promise<Joined> {
  const giveUp = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      const { connectionString, stop } = await startEmbedded(options);
      return { connectionString, running: false, stop };
    } catch (error) {
      if (!(error instanceof EmbeddedError) || error.code !== 'embedded_in_use') throw error;
      const connectionString = await runningAt(path.resolve(options.dataDirectory, 'postgres'));
      if (connectionString !== null) return { connectionString, running: true, stop: async () => {} };
      if (performance.now() > giveUp) throw error;
      await wait(POLL_MS);
    }
  }
}

/** The database that runs on the folder, if it answers here; null while it does not. */
async function runningAt(folder: string): Promise<string | null> {
  const port = parsePort(await readIfThere(path.join(folder, 'cluster', 'postmaster.pid')));
  const password = await readPassword(folder);
  if (port === null || password === undefined) return null;
  const connectionString = `postgresql://${ROLE}:${password}@127.0.0.1:${port}/${ROLE}`;
  const client = new Client({ connectionString, connectionTimeoutMillis: PATIENCE_MS });
  client.on('error', () => {}); // a break after the answer is met by the caller's own connection
  try {
    await client.connect();
    await client.end();
    return connectionString;
  } catch {
    return null; // starting or stopping; the caller tries again, and in the end says who holds the folder
  }
}

/** Fourth line of a `postmaster.pid` (PostgreSQL, miscadmin.h `LOCK_FILE_LINE_PORT`). */
export function parsePort(text: string): number | null {
  const port = Number.parseInt(text.split('\n')[3] ?? '', 10);
  return port > 0 && port < 65_536 ? port : null;
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw error;
  }
}
