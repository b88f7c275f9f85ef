// pg-boss, for transcriptions. It shares work among machines; it never decides a row's state: a handler claims its row
// first, and reconcile.ts sends again what a row says is owed. Workers are woken by our own telling (teller.ts): pg-boss's
// NOTIFY would stand in the transaction of every job. The only file that imports it.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { fromKysely, PgBoss } from 'pg-boss';
import { type Db, QUEUE_SCHEMA, type TellingTrx } from './database.ts';
import { preparedMark } from './prepared.ts';

const TRANSCRIBE = 'transcribe';

/** Longest a queue job may stay active; the row's lease, renewed while it runs, is what really decides. */
const EXPIRE_SECONDS = 24 * 3600;
/** pg-boss's statement for new jobs takes longer to plan than to run. */
const PREPARED = preparedMark('queue_insert');
/** The safety net, and for jobs with a delay. */
const POLL_SECONDS = 2;
/** pg-boss deletes unstarted jobs after 14 days unless told otherwise. */
const RETENTION_SECONDS = 365 * 24 * 3600;

/**
 * A handler's first act is to start its row. A row that still waits so long after its queue job was fetched has lost its
 * process (or the database's answer got lost): pg-boss would notice by its heartbeat, up to 90 s after the kill.
 */
const UNSTARTED_MS = 15_000;

/**
 * Handed on to pg: a query on a half-open connection would otherwise keep its worker waiting for ever. A failed query
 * of this pool always costs its connection, so pg's own time limit is enough.
 */
const SILENCE = { query_timeout: 25_000, keepAlive: true, keepAliveInitialDelayMillis: 10_000 } as const;

export type QueuedJob = { id: string; accountId: string };

export type SendOptions = {
  delaySeconds?: number;
  /**
   * The queue job that this one stands in for. A killed process leaves it active until pg-boss misses its heartbeat, up to
   * 90 s, and it counts against its account's limit for so long.
   */
  instead?: string | null;
};

export type Queue = {
  /** Puts jobs into the caller's transaction: they are told at the commit, or never existed. */
  sendAll(trx: TellingTrx, jobs: readonly (QueuedJob & { queueId: string })[]): Promise<void>;
  /** The same for one; its id in the queue. */
  send(trx: TellingTrx, job: QueuedJob, options?: SendOptions): Promise<string>;
  /** Handles up to `concurrency` jobs at a time until the returned function is called. */
  work(
    concurrency: number,
    handle: (jobId: string, signal: AbortSignal) => Promise<void>,
  ): Promise<() => Promise<void>>;
  /** A job is in the queue, or may be: idle workers of this process look for it. Others poll. */
  wake(): void;
  /** Which of these queue jobs may still start their row. */
  alive(db: Db, queueIds: readonly string[]): Promise<Set<string>>;
  /** Jobs that no worker has taken yet. */
  depth(db: Db): Promise<number>;
  stop(): Promise<void>;
};

type Options = {
  connectionString: string;
  onError: (error: Error) => void;
  onWarning: (warning: unknown) => void;
  /**
   * Jobs of one account at a time, by all workers; null: any number. Jobs of an account that has as many are passed over,
   * whoever's come next. Workers that look at the same instant may each take one too many: startJob has the last word.
   */
  perAccount?: number | null;
};

export async function openQueue({
  connectionString,
  onError,
  onWarning,
  perAccount = null,
}: Options): Promise<Queue> {
  const boss = new PgBoss({
    connectionString,
    schema: QUEUE_SCHEMA,
    application_name: 'ringback-queue',
    max: 4,
    schedule: false,
    ...SILENCE,
  });
  // Without a listener an 'error' event ends the process.
  boss.on('error', onError);
  boss.on('warning', onWarning);
  await boss.start();
  await boss.createQueue(TRANSCRIBE, {
    policy: 'standard',
    // Our rows count the runs; a queue job is tried once.
    retryLimit: 0,
    expireInSeconds: EXPIRE_SECONDS,
    retentionSeconds: RETENTION_SECONDS,
    deleteAfterSeconds: 3600,
    heartbeatSeconds: 30,
  });
  // Queues that an earlier version made have it on.
  await boss.updateQueue(TRANSCRIBE, { notify: false });
  const workers = new Set<string>();

  return {
    async send(trx, job, { delaySeconds, instead } = {}) {
      const id = randomUUID();
      const db = fromKysely(trx);
      const group = { id: job.accountId };
      const startAfter = delaySeconds === undefined ? {} : { startAfter: delaySeconds };
      if (instead) await boss.cancel(TRANSCRIBE, instead, { db });
      await boss.send(TRANSCRIBE, { jobId: job.id }, { id, group, ...startAfter, db });
      trx.changed.push({ kind: 'queued' });
      return id;
    },

    async sendAll(trx, jobs) {
      const db = fromKysely(trx);
      await boss.insert(
        TRANSCRIBE,
        jobs.map(({ queueId, id, accountId }) => ({
          id: queueId,
          data: { jobId: id },
          group: { id: accountId },
        })),
        // The text is always the same.
        { db: { executeSql: (text, values) => db.executeSql(`${PREPARED}${text}`, values) } },
      );
      trx.changed.push({ kind: 'queued' });
    },

    async work(concurrency, handle) {
      const stopping = new AbortController();
      const running = new Set<Promise<void>>();
      for (let slot = 0; slot < concurrency; slot++) {
        const worker = await boss.work<{ jobId: string }>(
          TRANSCRIBE,
          {
            batchSize: 1,
            pollingIntervalSeconds: POLL_SECONDS,
            ...(perAccount !== null && { groupConcurrency: perAccount }),
          },
          async ([job]) => {
            if (!job || stopping.signal.aborted) return;
            const run = handle(job.data.jobId, AbortSignal.any([stopping.signal, job.signal]));
            running.add(run);
            try {
              await run;
            } finally {
              running.delete(run);
              // Ask for the next at once: the poll interval is for an empty queue.
              setImmediate(() => boss.notifyWorker(worker));
            }
          },
        );
        workers.add(worker);
      }
      return async () => {
        stopping.abort();
        workers.clear();
        await Promise.allSettled([boss.offWork(TRANSCRIBE, { wait: false }), ...running]);
      };
    },

    wake() {
      for (const worker of workers) boss.notifyWorker(worker);
    },

    async alive(db, queueIds) {
      if (queueIds.length === 0) return new Set();
      const rows = await db
        .withSchema(QUEUE_SCHEMA)
        .selectFrom('job' as never)
        .select('id' as never)
        .where('name' as never, '=', TRANSCRIBE as never)
        .where('id' as never, 'in', queueIds as never)
        .where(
          sql<boolean>`(state IN ('created', 'retry')
            OR state = 'active' AND started_on > now() - ${UNSTARTED_MS} * interval '1 millisecond')`,
        )
        .execute();
      return new Set((rows as { id: string }[]).map((row) => row.id));
    },

    async depth(db) {
      const row = await db
        .withSchema(QUEUE_SCHEMA)
        .selectFrom('job' as never)
        .select((e) => e.fn.countAll<number>().as('waiting'))
        .where('name' as never, '=', TRANSCRIBE as never)
        .where('state' as never, 'in', ['created', 'retry'] as never)
        .executeTakeFirstOrThrow();
      return row.waiting;
    },

    stop: () => boss.stop({ graceful: false, close: true }),
  };
}
