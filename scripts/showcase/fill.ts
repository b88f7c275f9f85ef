// Jobs as an installation that is used all day has them: submitted through the API, ended with made-up transcripts by the
// store's own functions (hours of real speech would take hours), called back by the real dispatcher; then moved into the
// past, so that charts have a day to show.
import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'kysely';
import { createAddons } from '../../src/addons/addons.ts';
import type { Client } from '../../src/client/client.ts';
import { JobError } from '../../src/errors.ts';
import type { Database } from '../../src/store/database.ts';
import { finishJob, type JobEnd, type Started, startJob } from '../../src/store/jobs.ts';
import { renderEnd } from '../../src/transcribe/callback.ts';
import { renderResult } from '../../src/transcribe/result.ts';
import { KINDS, type Kind, type Receivers } from './receivers.ts';
import { spoken } from './spoken.ts';

export type Filling = {
  client: Client;
  database: Database;
  receivers: Receivers;
  publicUrl: string;
  /** An upload that every job names. */
  audioUrl: string;
};

const addons = createAddons({
  languageModel: null,
  onFault: (error) => {
    throw error;
  },
});
const LEASE_MS = 60_000;
const AT_ONCE = 8;
/** Of the jobs, those that end with an error: every so many. */
const ERROR_EVERY = 23;
const FAILURES: readonly JobError[] = [
  new JobError('audio_http_error', 'The audio host answered with 404: check that the file is still there.'),
  new JobError('audio_empty', 'The file holds no audio: its only stream is a picture.'),
];

/** Which receiver the job with this number has: by the shares, and always the same. */
export function kindOf(number: number): Kind {
  let place = (number * 37) % 100;
  for (const kind of KINDS) {
    if (place < kind.share) return kind;
    place -= kind.share;
  }
  return KINDS[0] as Kind;
}

export async function fill(filling: Filling, from: number, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => from + index);
  const work = async () => {
    for (let number = numbers.shift(); number !== undefined; number = numbers.shift())
      await one(filling, number);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function one(filling: Filling, number: number): Promise<void> {
  const kind = kindOf(number);
  const { id } = await filling.client.transcriptions.create({
    audio_url: filling.audioUrl,
    callback: true,
    callback_config: { url: `${filling.receivers.urlOf(kind)}?job=${number}`, method: 'POST' },
    custom_metadata: { order: `A-${number}`, customer: kind.customer },
    ...(number % 3 === 0 && { sentiment_analysis: true, named_entity_recognition: true }),
    ...(number % 4 === 0 && { subtitles: true, subtitles_config: { formats: ['srt', 'vtt'] } }),
  });
  const { db } = filling.database;
  const job = await startJob(db, id, LEASE_MS);
  if (job) await finishJob(db, id, job.run, await endOf(filling, job, number));
}

async function endOf({ publicUrl }: Filling, job: Started, number: number): Promise<JobEnd> {
  const settings = { format: 'short', publicUrl: () => publicUrl, firstWaitMs: () => 0 } as const;
  if (number % ERROR_EVERY === 0) {
    const { code, message } = FAILURES[number % FAILURES.length] as JobError;
    const error = { code, message };
    return {
      ending: { filename: null, duration: null, channels: null, error },
      ...renderEnd(settings, job, { error }),
    };
  }
  const { transcript, envelopes } = await heardOf(job.request, number % TALKS);
  const duration = transcript.audioDuration;
  const result = await renderResult(job.request, {
    transcript,
    envelopes,
    transcriptionTime: duration / 40 + 1,
  });
  return {
    ending: { filename: `call-${String(number).padStart(4, '0')}.wav`, duration, channels: 2, result },
    ...renderEnd(settings, job, { result }),
  };
}

/** Different conversations: the add-ons of each are made once. */
const TALKS = 12;
const talks = new Map<number, ReturnType<typeof heard>>();

function heardOf(request: Started['request'], talk: number): ReturnType<typeof heard> {
  const found = talks.get(talk) ?? heard(request, talk);
  talks.set(talk, found);
  return found;
}

async function heard(request: Started['request'], talk: number) {
  const transcript = spoken(20 + 31 * talk, talk);
  const { utterances, envelopes } = await addons(
    transcript.utterances,
    request,
    AbortSignal.timeout(LEASE_MS),
  );
  return { transcript: { ...transcript, utterances }, envelopes };
}

const SETTLED_WITHIN_MS = 90_000;
const LOOK_MS = 500;
const ROUNDS = 3;

/** Until nothing is being sent, and nothing was for some seconds: what waits still waits for longer. */
export async function settled({ database: { db } }: Filling): Promise<void> {
  const until = Date.now() + SETTLED_WITHIN_MS;
  while (Date.now() < until) {
    await wait(LOOK_MS);
    const { rows } = await sql<{ busy: boolean }>`
      SELECT EXISTS (SELECT FROM delivery WHERE state = 'delivering')
        OR EXISTS (SELECT FROM attempt WHERE started_at > now() - interval '3 seconds') AS busy
    `.execute(db);
    if (rows[0]?.busy === false) return;
  }
}

/** Endpoints that rest are tried again at once, so often that their callbacks have used up a short schedule. */
export async function exhaust(filling: Filling): Promise<void> {
  const { endpoints } = filling.client;
  for (let round = 0; round < ROUNDS; round++) {
    for await (const { id, state } of endpoints.list({ health: ['resting'] }))
      if (state !== 'closed') await endpoints.enable(id);
    await settled(filling);
  }
}

/** What has ended moves into the past, each with its attempts: two thirds over the last day, the rest over the week. */
export async function spread({ database: { db } }: Filling): Promise<void> {
  await sql`
    WITH back AS MATERIALIZED (
      SELECT d.id, d.job_id, interval '1 second' * CASE WHEN random() < 0.67 THEN random() * 85000 + 600
        ELSE 86000 + random() * 518000 END AS by
      FROM delivery d WHERE d.state IN ('delivered', 'failed', 'cancelled')
    ), jobs AS (
      UPDATE job SET created_at = created_at - by, started_at = started_at - by, completed_at = completed_at - by
      FROM back WHERE job.id = back.job_id
    ), attempts AS (
      UPDATE attempt SET started_at = started_at - by, next_at = next_at - by
      FROM back WHERE attempt.delivery_id = back.id
    )
    UPDATE delivery SET created_at = created_at - by, final_at = final_at - by
    FROM back WHERE delivery.id = back.id
  `.execute(db);
  await sql`TRUNCATE endpoint_hour`.execute(db);
  await sql`
    INSERT INTO endpoint_hour (endpoint_id, hour, succeeded, failed)
    SELECT d.endpoint_id, date_trunc('hour', a.started_at), count(*) FILTER (WHERE a.outcome = 'delivered'),
      count(*) FILTER (WHERE a.outcome <> 'delivered')
    FROM attempt a JOIN delivery d ON d.id = a.delivery_id JOIN endpoint e ON e.id = d.endpoint_id
    GROUP BY 1, 2
  `.execute(db);
}

/** Endpoints that nothing was sent to yet, so that the lists have pages. */
export async function addEndpoints({ database: { db } }: Filling, count: number): Promise<void> {
  await sql`
    INSERT INTO endpoint (account_id, host_id, url)
    SELECT account_id, host_id, url || '/tenant-' || number
    FROM (SELECT * FROM endpoint ORDER BY created_at LIMIT 1) first, generate_series(1, ${count}) number
  `.execute(db);
}
