// The one connection pool and its transactions. Every other store file takes a `Db`, or a `TellingDb` when it changes what
// others wait to hear of.
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import { parseKept } from '../exact-json.ts';
import { clientWithin, reachedThrough } from './client.ts';
import type { News } from './news.ts';
import { LOOKUPS_ONLY } from './prepared.ts';
import type { Schema } from './schema.ts';
import { Teller } from './teller.ts';

export type Db = Kysely<Schema>;
export type Trx = Transaction<Schema>;
/** A transaction that notes what it changes: told once it is committed. */
export type TellingTrx = Trx & { readonly changed: News[] };

/** The pool, and who is told of what is committed on it. */
export class TellingDb extends Kysely<Schema> {
  readonly teller: Teller;

  constructor(dialect: PostgresDialect, teller: Teller) {
    super({ dialect });
    this.teller = teller;
  }

  /** Runs `work` in a transaction, commits it, and tells what it noted; of one that is undone, nothing is told. */
  async commit<T>(work: (trx: TellingTrx) => Promise<T>): Promise<T> {
    const changed: News[] = [];
    let worked = false;
    try {
      const result = await this.transaction().execute(async (trx) => {
        const done = await work(Object.assign(trx, { changed }));
        worked = true;
        return done;
      });
      this.teller.tell(changed);
      // Whoever asked for it is answered once the other processes have it, too: they begin nothing of it after the answer.
      if (changed.some(({ kind }) => kind === 'called_off' || kind === 'disabled')) await this.teller.told();
      return result;
    } catch (error) {
      // The commit's answer was lost: it may be committed for all we know.
      if (worked && changed.length > 0) this.teller.tell([{ kind: 'missed' }]);
      throw error;
    }
  }
}

/** Ringback's tables live in a schema of their own, so that a shared database stays tidy. */
export const SCHEMA = 'ringback';

export type Database = {
  db: TellingDb;
  /** Hears what other processes tell, and tells them, until the returned function is called. */
  join(heartbeatMs?: number): Promise<() => Promise<void>>;
  close(): Promise<void>;
};

type Options = {
  connectionString: string;
  /** Connections at most. */
  size: number;
  onError: (error: Error) => void;
  /** Longest one statement may take, in milliseconds; null (for migrations): as long as it takes. */
  statementMs?: number | null;
  /** For few statements, many times (prepared.ts): planned as index lookups, whatever the tables hold by then. */
  lookupsOnly?: boolean;
  /** Of another pool of this process. */
  teller?: Teller;
};

const STATEMENT_MS = 20_000;
/** The server gives up first, so that what we give up on does not go on there and hold its locks. */
const ANSWER_MARGIN_MS = 5_000;
/** Until the kernel asks a quiet connection whether anybody is there; its own default is two hours. */
const KEEPALIVE_MS = 10_000;

export function openDatabase({
  connectionString,
  size,
  onError,
  statementMs = STATEMENT_MS,
  lookupsOnly = false,
  teller = new Teller(onError),
}: Options): Database {
  const connection = {
    connectionString,
    application_name: 'ringback',
    options: [
      `search_path=${SCHEMA}`,
      'timezone=UTC',
      ...limits(statementMs),
      ...(lookupsOnly ? LOOKUPS_ONLY : []),
    ]
      .map((set) => `-c ${set}`)
      .join(' '),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    connectionTimeoutMillis: 10_000,
  };
  // int8 counters here stay far below 2^53; strings would only invite `'1' + 1`.
  // json, unlike jsonb, keeps what somebody sent.
  const parsers = new Map<number, (text: string) => unknown>([
    [pg.types.builtins.INT8, Number],
    [pg.types.builtins.JSON, parseKept],
  ]);
  const types = {
    getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
      (format !== 'binary' && parsers.get(oid)) ||
      pg.types.getTypeParser(oid as never, format as never)) as typeof pg.types.getTypeParser,
  };
  const Client = clientWithin(statementMs === null ? null : statementMs + ANSWER_MARGIN_MS);
  const pool = new pg.Pool({ ...connection, max: size, types, Client });
  // A connection that breaks (database restarted) must not end the process: the next query opens a new one. The pool
  // listens to its idle connections only; of one in use, the query that fails tells all there is to know.
  pool.on('connect', (client) => client.on('error', () => {}));
  let closing = false;
  pool.on('error', (error) => {
    // Idle connections that the server cuts while we close them ourselves are no news.
    if (!closing) onError(error);
  });
  const db = new TellingDb(new PostgresDialect({ pool: reachedThrough(pool) }), teller);
  return {
    db,
    join: (heartbeatMs) => teller.join(connection, heartbeatMs),
    close: () => {
      closing = true;
      return db.destroy();
    },
  };
}

/** Server settings. A transaction whose client has vanished would keep its row locks until TCP notices: two hours. */
function limits(statementMs: number | null): string[] {
  if (statementMs === null) return [];
  return [`statement_timeout=${statementMs}`, `idle_in_transaction_session_timeout=${statementMs}`];
}

/** `18.4`; also the shortest proof that the database answers. */
export async function serverVersion(db: Db): Promise<string> {
  const { rows } = await sql<{
    version: string;
  }>`SELECT current_setting('server_version') AS version`.execute(db);
  return rows[0]?.version ?? 'unknown';
}
