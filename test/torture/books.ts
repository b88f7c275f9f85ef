// Compares three books after a torture run: the ids the submitter was promised, what the receivers saw, and the rows.
// What does not add up is a violation, in a sentence.
import type { Client } from 'pg';
import type { Arrival } from './far-end.ts';

export type Books = {
  jobs: number;
  /** Jobs that ended as error because every run died under them, or Ringback failed. */
  brokenJobs: number;
  deliveries: number;
  delivered: number;
  attempts: number;
  /** Attempts on record whose process died before it could record the answer. */
  unknownAttempts: number;
  requests: number;
  /** 2xx answers beyond the first of a delivery. */
  duplicates: number;
  /** Of those: the sender was killed between answer and record. */
  duplicatesByKill: number;
  /** Of those: the answer did not reach the sender in time, or broke on the way. */
  duplicatesByLostAnswer: number;
  /** Of those: recorded by a process whose lease had run out. */
  duplicatesByLateRecord: number;
  /** Requests that carry the number of one before them: the database crashed and forgot the claim. */
  forgottenAttempts: number;
  violations: string[];
};

type JobRow = { id: string; state: string; error_code: string | null };
type DeliveryRow = { id: string; job_id: string; state: string; attempts: number; reason: string | null };
type AttemptRow = { delivery_id: string; number: number; outcome: string; error_class: string | null };

export async function compareBooks(
  client: Client,
  accepted: ReadonlySet<string>,
  arrivals: readonly Arrival[],
  /** The database crashed: it may have forgotten claims of its last moments, which do not wait for its disk. */
  { databaseCrashed = false } = {},
): Promise<Books> {
  const { rows: jobs } = await client.query<JobRow>('SELECT id, state, error_code FROM ringback.job');
  const { rows: deliveries } = await client.query<DeliveryRow>(
    'SELECT id, job_id, state, attempts, reason FROM ringback.delivery',
  );
  const { rows: attempts } = await client.query<AttemptRow>(
    'SELECT delivery_id, number, outcome, error_class FROM ringback.attempt ORDER BY delivery_id, number',
  );
  const { rows: leases } = await client.query<{ id: string }>(
    'SELECT id FROM ringback.endpoint WHERE leased_until IS NOT NULL',
  );
  const violations: string[] = [];
  const broken = (sentence: string) => violations.push(sentence);

  const states = new Map(jobs.map((row) => [row.id, row.state]));
  for (const id of accepted) if (!states.has(id)) broken(`job ${id} was accepted and has no row`);
  for (const { id, state } of jobs)
    if (state !== 'done' && state !== 'error') broken(`job ${id} is still ${state}`);
  // Every request was repeated, under its idempotency key, until it was accepted.
  for (const { id } of jobs) if (!accepted.has(id)) broken(`job ${id} was made and never promised`);
  for (const { id } of leases) broken(`endpoint ${id} is still leased`);

  const perJob = Map.groupBy(deliveries, (row) => row.job_id);
  for (const { id } of jobs)
    if (perJob.get(id)?.length !== 1) broken(`job ${id} has ${perJob.get(id)?.length ?? 0} deliveries`);
  for (const { id, state, reason } of deliveries)
    if (state !== 'delivered') broken(`delivery ${id} is ${state}${reason === null ? '' : `: ${reason}`}`);

  const onRecord = Map.groupBy(attempts, (row) => row.delivery_id);
  for (const row of deliveries) {
    const numbers = (onRecord.get(row.id) ?? []).map(({ number }) => number);
    if (numbers.length !== row.attempts || numbers.some((number, index) => number !== index + 1))
      broken(`delivery ${row.id} began ${row.attempts} attempts and has on record: ${numbers.join(' ')}`);
  }

  const heard = Map.groupBy(arrivals, (arrival) => arrival.webhookId);
  const told = new Set(arrivals.filter(good).map((arrival) => arrival.jobId));
  for (const id of accepted)
    if (!told.has(id)) broken(`job ${id} was accepted and its receiver never said 2xx`);
  for (const [id, seen] of heard) for (const sentence of misheard(id, seen)) broken(sentence);
  let forgottenAttempts = 0;
  for (const [id, seen] of heard) {
    const numbers = seen.map(({ attempt }) => attempt);
    const repeated = numbers.length - new Set(numbers).size;
    forgottenAttempts += repeated;
    if (repeated > 0 && !databaseCrashed)
      broken(`delivery ${id} sent an attempt twice: ${numbers.join(' ')}`);
  }
  for (const [job, seen] of Map.groupBy(arrivals, (arrival) => arrival.jobId))
    if (new Set(seen.map((arrival) => arrival.webhookId)).size > 1)
      broken(`job ${job} was called back under several webhook-ids`);

  const duplicates = { kill: 0, lostAnswer: 0, lateRecord: 0 };
  for (const [id, seen] of heard) {
    const rows = new Map((onRecord.get(id) ?? []).map((row) => [row.number, row]));
    const answered = seen.filter(good);
    if (answered.length < 2) continue;
    // The last is the one that counts; whatever was sent after a 2xx needs a reason.
    for (const arrival of answered.slice(0, -1)) {
      const row = rows.get(arrival.attempt);
      if (row?.outcome === 'unknown') duplicates.kill++;
      else if (row && row.error_class !== null) duplicates.lostAnswer++;
      else if (row?.outcome === 'delivered') duplicates.lateRecord++;
      else
        broken(`delivery ${id} was sent again after a 2xx to attempt ${arrival.attempt}, without a reason`);
    }
  }
  return {
    jobs: jobs.length,
    brokenJobs: jobs.filter((row) => row.error_code === 'engine_failed' || row.error_code === 'internal')
      .length,
    deliveries: deliveries.length,
    delivered: deliveries.filter((row) => row.state === 'delivered').length,
    attempts: attempts.length,
    unknownAttempts: attempts.filter((row) => row.outcome === 'unknown').length,
    requests: arrivals.length,
    duplicates: duplicates.kill + duplicates.lostAnswer + duplicates.lateRecord,
    duplicatesByKill: duplicates.kill,
    duplicatesByLostAnswer: duplicates.lostAnswer,
    duplicatesByLateRecord: duplicates.lateRecord,
    forgottenAttempts,
    violations,
  };
}

const good = ({ status }: Arrival) => status !== null && status >= 200 && status < 300;

/** What one delivery's requests must have in common. */
function misheard(id: string, seen: readonly Arrival[]): string[] {
  const sentences: string[] = [];
  if (seen.some((arrival) => !arrival.genuine)) sentences.push(`delivery ${id} came with a wrong signature`);
  const bodies = Map.groupBy(seen, ({ body }) =>
    body.includes('"reason":"payload_too_large"') ? 'small' : 'full',
  );
  for (const [form, same] of bodies)
    if (new Set(same.map(({ body }) => body)).size > 1)
      sentences.push(`the ${form} body of delivery ${id} changed between attempts`);
  return sentences;
}
