// The one connection pool, its transactions and its LISTEN connection. Every other store file takes a `Db`.
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import type { Schema } from './schema.ts';

export type Db = Kysely<Schema>;
export type Trx = Transaction<Schema>;

/** Ringback's tables live in a schema of their own, so that a shared database stays tidy. */
export const SCHEMA = 'ringback';
/** pg-boss keeps its own tables apart from ours. */
export const QUEUE_SCHEMA = 'ringback_queue';

export type Database = {
  db: Db;
  /** Runs `heard` on every NOTIFY of the channel, and once after each (re)connect, for what was missed. */
  listen(channel: string, heard: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
};

type Options = {
  connectionString: string;
  /** Connections at most. */
  size: number;
  onError: (error: Error) => void;
};

export function openDatabase({ connectionString, size, onError }: Options): Database {
  const connection = {
    connectionString,
    application_name: 'ringback',
    options: `-c search_path=${SCHEMA} -c timezone=UTC`,
    keepAlive: true,
  };
  // int8 counters here stay far below 2^53; strings would only invite `'1' + 1`.
  const types = {
    getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
      oid === pg.types.builtins.INT8 && format !== 'binary'
        ? Number
        : pg.types.getTypeParser(oid as never, format as never)) as typeof pg.types.getTypeParser,
  };
  const pool = new pg.Pool({ ...connection, max: size, types, connectionTimeoutMillis: 10_000 });
  // An idle connection that breaks (database restarted) must not end the process: the next query opens a new one.
  let closing = false;
  pool.on('error', (error) => {
    // Idle connections that the server cuts while we close them ourselves are no news.
    if (!closing) onError(error);
  });
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  return {
    db,
    listen: (channel, heard) => listen(connection, channel, heard, onError),
    close: () => {
      closing = true;
      return db.destroy();
    },
  };
}

/** `18.4`; also the shortest proof that the database answers. */
export async function serverVersion(db: Db): Promise<string> {
  const { rows } = await sql<{
    version: string;
  }>`SELECT current_setting('server_version') AS version`.execute(db);
  return rows[0]?.version ?? 'unknown';
}

const RECONNECT_MS = 500;

async function listen(
  connection: pg.ClientConfig,
  channel: string,
  heard: (payload: string) => void,
  onError: (error: Error) => void,
): Promise<() => Promise<void>> {
  let closed = false;
  let client: pg.Client | null = null;
  let timer: NodeJS.Timeout | undefined;

  const connect = async () => {
    const next = new pg.Client(connection);
    next.on('error', onError);
    next.once('end', () => {
      client = null;
      if (!closed) timer = setTimeout(() => void connect().catch(retry), RECONNECT_MS);
    });
    next.on('notification', (message) => heard(message.payload ?? ''));
    await next.connect();
    await next.query(`LISTEN ${next.escapeIdentifier(channel)}`);
    if (closed) return next.end();
    client = next;
    heard('');
  };
  const retry = (error: Error) => {
    onError(error);
    if (!closed) timer = setTimeout(() => void connect().catch(retry), RECONNECT_MS);
  };

  await connect();
  return async () => {
    closed = true;
    clearTimeout(timer);
    await client?.end();
  };
}
