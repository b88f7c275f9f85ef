// New jobs: each a row, and the answer under its request's key where it has one, committed together. After that the 201
// may be sent. Those of requests that come at the same time share a transaction.
import { sql } from 'kysely';
import type { Callback } from '../delivery.ts';
import type { TraceContext } from '../trace.ts';
import type { Subscriber } from '../webhook.ts';
import { Batches } from './batches.ts';
import { type JobChange, jobChange } from './changes.ts';
import type { TellingDb, TellingTrx } from './database.ts';
import { type Answer, type KeyedRequest, KeyTaken, keepAnswers } from './idempotency.ts';
import { indexed } from './metadata.ts';
import { isOfOneRow } from './one-row.ts';
import { prepared } from './prepared.ts';
import type { Json } from './schema.ts';
import { heardBy } from './webhook-match.ts';
import { openJobNotices } from './webhook-notices.ts';

export type NewJob = {
  id: string;
  accountId: string;
  audioUrl: string;
  audioId: string | null;
  request: Record<string, Json>;
  customMetadata: Record<string, Json> | null;
  callback: Callback | null;
  /** What was made of the request; absent: nothing. */
  notes?: readonly string[] | null;
  /** Of the request; absent: none. */
  trace?: TraceContext | null;
};

export type Submission = { job: NewJob; keep: { keyed: KeyedRequest; answer: Answer } | null };

/** The upload was removed between the look at it and the job's commit. */
export class AudioGone extends Error {
  readonly code = 'audio_gone';
  constructor(options: { cause: unknown }) {
    super('The job names an upload that is not there any more', options);
    this.name = 'AudioGone';
  }
}

/** While one transaction waits for the disk, another is at work. */
const LANES = 2;
/** Rows of one transaction. A request of more than so many bytes counts as several. */
const MOST = 200;
const BYTES_OF_A_ROW = 4_096;

export type Submit = (submission: Submission) => Promise<void>;
type Row = Submission & {
  /** As an element of the statement's JSON. */
  json: string;
};

/** Resolves once it is committed. Rejects with {@link AudioGone}, and `idempotency_key_taken`. */
export function submitter(db: TellingDb): Submit {
  const batches = new Batches<Row, unknown>({
    run: (rows) => commitEach(db, rows),
    lanes: LANES,
    most: MOST,
    weigh: ({ json }) => 1 + json.length / BYTES_OF_A_ROW,
  });
  return async (submission) => {
    const failure = await batches.add(rowOf(submission));
    if (failure !== null) throw failure;
  };
}

/** One by itself. */
export function insertJob(db: TellingDb, job: NewJob, keep: Submission['keep'] = null): Promise<void> {
  return commitAll(db, [rowOf({ job, keep })]);
}

/** Why each failed; null: it is committed. One that cannot be committed takes nobody with it: the rest is tried by halves. */
async function commitEach(db: TellingDb, rows: readonly Row[]): Promise<unknown[]> {
  try {
    await commitAll(db, rows);
    return rows.map(() => null);
  } catch (error) {
    const isOne = error instanceof AudioGone || error instanceof KeyTaken || isOfOneRow(error);
    if (rows.length === 1 || !isOne) return rows.map(() => error);
    const middle = rows.length >> 1;
    const [first, second] = [rows.slice(0, middle), rows.slice(middle)];
    return [...(await commitEach(db, first)), ...(await commitEach(db, second))];
  }
}

function commitAll(db: TellingDb, rows: readonly Row[]): Promise<void> {
  return db.commit(async (trx) => {
    await insertRows(trx, rows);
    const kept = rows.flatMap(({ job, keep }) => (keep ? { ...keep, owner: { job_id: job.id } } : []));
    if (kept.length > 0) await keepAnswers(trx, kept);
  });
}

async function insertRows(trx: TellingTrx, rows: readonly Row[]): Promise<void> {
  const { rows: inserted } = await sql<{
    change: JobChange;
    subscribers: Subscriber[] | null;
  }>`${prepared('insert_jobs')}
    INSERT INTO job (id, account_id, audio_url, audio_id, request, custom_metadata, callback_url, callback_method,
      callback_form, callback_gzip, callback_headers, callback_format, request_notes, trace)
    SELECT * FROM json_to_recordset(${`[${rows.map(({ json }) => json).join(',')}]`}::json) AS new (
      id uuid, account_id uuid, audio_url text, audio_id uuid, request json, custom_metadata jsonb, callback_url text,
      callback_method text, callback_form text, callback_gzip boolean,
      callback_headers json, callback_format text, request_notes json, trace json)
    RETURNING ${jobChange}, ${heardBy('created')}`
    .execute(trx)
    .catch((error: { constraint?: unknown }) => {
      throw error.constraint === 'job_audio_id_fkey' ? new AudioGone({ cause: error }) : error;
    });
  trx.changed.push(...inserted.map(({ change }) => change));
  const jobs = new Map(rows.map(({ job }) => [job.id, job]));
  const heard = inserted.flatMap(({ change: { id, accountId }, subscribers }) =>
    subscribers ? [{ id, accountId, subscribers, customMetadata: jobs.get(id)?.customMetadata ?? null }] : [],
  );
  await openJobNotices(trx, { event: 'created' }, heard);
}

function rowOf({ job, keep }: Submission): Row {
  const json = JSON.stringify({
    id: job.id,
    account_id: job.accountId,
    audio_url: job.audioUrl,
    audio_id: job.audioId,
    // Kept as text, byte for byte.
    request: job.request,
    custom_metadata: job.customMetadata && indexed(job.customMetadata),
    callback_url: job.callback?.url,
    callback_method: job.callback?.method,
    callback_form: job.callback?.form,
    callback_gzip: job.callback?.gzip ?? false,
    callback_headers: job.callback?.headers ?? undefined,
    callback_format: job.callback?.format ?? undefined,
    request_notes: job.notes?.length ? job.notes : undefined,
    trace: job.trace ?? undefined,
  });
  return { job, keep, json };
}
