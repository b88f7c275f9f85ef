// Who may send what, now. A process leases an endpoint, not a delivery: a dead endpoint then costs one slot now and
// then, however long its backlog (docs/decisions/0002). The lease's token fences every write; a lease that ran out is
// taken over, and what it left in flight is put back with an attempt on record that says so.
//
// Locks are always taken endpoint first, then delivery, each in order of id, so that no two statements deadlock.

import { type RawBuilder, type Selectable, sql } from 'kysely';
import type { CallbackHeaders } from '../callback-headers.ts';
import type {
  DeliveryEvent,
  DeliveryForm,
  DeliveryState,
  EndpointHealth,
  HostHealth,
  HostState,
  Method,
  Trigger,
} from '../delivery.ts';
import type { TraceContext } from '../trace.ts';
import { plainArray } from './array.ts';
import { changedAt, type DeliveryChange, deliveryChange } from './changes.ts';
import type { Db, TellingDb, Trx } from './database.ts';
import { type RecordedHost, writeHosts } from './hosts.ts';
import { prepared } from './prepared.ts';
import type { Schema } from './schema.ts';

export type Lease = { endpointId: string; token: number };
export type LeasedEndpoint = Lease & {
  health: EndpointHealth;
  accountId: string;
  host: { id: string; health: HostHealth };
};

export type Claimed = {
  endpointId: string;
  token: number;
  id: string;
  accountId: string;
  /** Whose secrets sign it; null: its account's do. */
  webhookId: string | null;
  url: string;
  method: Method;
  event: DeliveryEvent;
  form: DeliveryForm;
  /** Attempts begun, this one included. */
  attempt: number;
  /** The same since the last (re)send. */
  step: number;
  trigger: Trigger;
  gzip: boolean;
  /** Its owner's own, secret; null: none. */
  headers: CallbackHeaders | null;
  jobId: string;
  /** Of what it comes from; null: none. */
  trace: TraceContext | null;
  /** Of the body. */
  bytes: number;
  /** Null: it is large, and read when it is sent (readBody). */
  body: Buffer | null;
};

export type ClaimOptions = {
  endpoints: number;
  /** How many deliveries to take at once of a leased endpoint. */
  room: (leased: LeasedEndpoint, now: Date) => number;
  leaseMs: number;
  /** Endpoints that have just come due: before those that have waited, for up to half of `endpoints`. */
  told: readonly Told[];
  /** Which hosts to look at. */
  hosts: HostChoice;
};

export type Told = {
  endpointId: string;
  /** It answers quickly itself: it is taken whatever is known of its host, where other paths may hang. */
  isQuick: boolean;
};

/** Ids. What is known of hosts in the process that claims: which may have more attempts, and who goes first. */
export type HostChoice = {
  /** Hosts known to answer quickly: before all others, and several of their endpoints at a time. */
  quick: readonly string[];
  /** Hosts that have as many attempts under way as they may. */
  full: readonly string[];
  /** Accounts of which none but quick hosts may have more. */
  fullAccounts: readonly string[];
};

/** Any host, by the time it has waited. */
export const ANY_HOST: HostChoice = { quick: [], full: [], fullAccounts: [] };

export type ClaimResult = {
  /** The database's; null when nothing was taken. */
  now: Date | null;
  leases: LeasedEndpoint[];
  claimed: Claimed[];
};

/**
 * A claim that a database crash forgets is a claim that never was: it need not wait for the disk. Local to the one
 * statement it stands in, which must join it to have it run.
 */
const HASTY = sql`hasty AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))`;

/** Endpoints of one host that a claim takes at a time: of one that has not been heard of yet, no more than it may be sent. */
const OF_QUICK_HOST = 64;
const OF_HOST = 4;

/**
 * Takes due endpoints that nobody holds, and then the first due deliveries of each. Two statements without a
 * transaction around them: dying in between leaves an empty lease, which runs out.
 */
export async function claimEndpoints(db: TellingDb, options: ClaimOptions): Promise<ClaimResult> {
  const { quick, full, fullAccounts } = options.hosts;
  const { rows } = await sql<
    HealthRow & {
      id: string;
      token: number;
      taken_over: boolean;
      now: Date;
      account_id: string;
      host_id: string;
      host_breaker: HostState;
      host_silent: number;
      host_trips: number;
      host_open_until: Date | null;
    }
  >`${prepared('claim_endpoints')}
    WITH ${HASTY},
    choice AS MATERIALIZED (
      SELECT ${plainArray(quick)}::uuid[] AS quick, ${plainArray(full)}::uuid[] AS full_hosts,
        ${plainArray(fullAccounts)}::uuid[] AS full_accounts, ${options.endpoints}::int AS most,
        ${plainArray(options.told.map(({ endpointId }) => endpointId))}::uuid[] AS told,
        ${plainArray(options.told.map(({ isQuick }) => isQuick))}::bool[] AS told_quick),
    ready AS MATERIALIZED (
      SELECT host.id, host.next_due, host.breaker, host.id = ANY(choice.quick) AS quick,
        -- Accounts take turns: the second of each comes after the first of all.
        row_number() OVER (PARTITION BY host.account_id ORDER BY host.next_due) AS turn
      FROM choice, host
      WHERE host.next_due <= now() AND host.id <> ALL(choice.full_hosts)
        AND (host.account_id <> ALL(choice.full_accounts) OR host.id = ANY(choice.quick))),
    candidate AS MATERIALIZED (
      SELECT found.id FROM ready CROSS JOIN LATERAL (
        SELECT id FROM endpoint
        WHERE host_id = ready.id AND leased_until IS NULL AND next_due <= now() AND disabled_at IS NULL
        ORDER BY next_due
        LIMIT CASE WHEN ready.breaker <> 'closed' THEN 1 WHEN ready.quick THEN ${OF_QUICK_HOST}::int ELSE ${OF_HOST}::int END) AS found
      ORDER BY ready.quick DESC, ready.turn, ready.next_due LIMIT (SELECT most FROM choice)),
    fresh AS MATERIALIZED (
      SELECT endpoint.id FROM choice CROSS JOIN LATERAL unnest(choice.told, choice.told_quick) AS told (id, quick)
      JOIN endpoint ON endpoint.id = told.id LEFT JOIN ready ON ready.id = endpoint.host_id AND ready.breaker = 'closed'
      WHERE (ready.id IS NOT NULL OR told.quick)
        AND leased_until IS NULL AND endpoint.next_due <= now() AND disabled_at IS NULL
      LIMIT (SELECT most / 2 FROM choice)),
    -- Their holders died.
    forsaken AS MATERIALIZED (
      SELECT id FROM endpoint WHERE leased_until < now() AND next_due <= now() AND disabled_at IS NULL
      ORDER BY leased_until LIMIT (SELECT most FROM choice)),
    due AS (
      SELECT id, host_id, leased_until IS NOT NULL AS taken_over FROM endpoint
      WHERE id = ANY(ARRAY(SELECT id FROM candidate UNION SELECT id FROM fresh UNION SELECT id FROM forsaken))
        AND next_due <= now() AND (leased_until IS NULL OR leased_until < now()) AND disabled_at IS NULL
      -- Not FOR UPDATE: transactions that open deliveries hold the endpoint's key, and it would be passed over.
      ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
    -- An open host is due only once its time is over: this claim is the probe, and others leave it alone meanwhile.
    probed AS (
      UPDATE host SET breaker = 'half_open', next_due = now() + ${options.leaseMs} * interval '1 millisecond'
      WHERE id IN (SELECT host_id FROM due) AND breaker = 'open' AND open_until <= now())
    UPDATE endpoint SET token = token + 1, leased_until = now() + ${options.leaseMs} * interval '1 millisecond',
      -- It is due only once its time is over: this claim is the probe.
      breaker = CASE endpoint.breaker WHEN 'open' THEN 'half_open' ELSE endpoint.breaker END
    FROM due, hasty, host WHERE endpoint.id = due.id AND host.id = due.host_id
    RETURNING endpoint.id, endpoint.token, due.taken_over, now() AS now, endpoint.breaker, failures, refusals, failing_since, failed_at, gone,
      endpoint.trips, endpoint.open_until, paused_until, ramp_from, counts_from, disabled_at, disabled_reason, endpoint.account_id,
      host.id AS host_id, host.breaker AS host_breaker, host.silent AS host_silent, host.trips AS host_trips,
      host.open_until AS host_open_until`.execute(db);
  const now = rows[0]?.now;
  if (now === undefined) return { now: null, leases: [], claimed: [] };
  const leases = rows.map(
    (row): LeasedEndpoint => ({
      endpointId: row.id,
      token: row.token,
      health: healthOf(row),
      accountId: row.account_id,
      host: {
        id: row.host_id,
        health: {
          state:
            row.host_breaker === 'open' && isOver(row.host_open_until, now) ? 'half_open' : row.host_breaker,
          silent: row.host_silent,
          trips: row.host_trips,
          openUntil: row.host_open_until,
        },
      },
    }),
  );
  if (rows.some((row) => row.taken_over)) db.teller.tell(await putBack(db, leases));
  const wanted = leases.map((lease) => ({ ...lease, room: options.room(lease, now) }));
  return { now, leases, claimed: await claimDeliveries(db, wanted) };
}

function isOver(time: Date | null, now: Date): boolean {
  return time !== null && time <= now;
}

type HealthRow = Pick<
  Selectable<Schema['endpoint']>,
  | 'breaker'
  | 'failures'
  | 'refusals'
  | 'failing_since'
  | 'failed_at'
  | 'gone'
  | 'trips'
  | 'open_until'
  | 'paused_until'
  | 'ramp_from'
  | 'counts_from'
  | 'disabled_at'
  | 'disabled_reason'
>;

export function healthOf(row: HealthRow): EndpointHealth {
  return {
    state: row.disabled_at === null ? row.breaker : 'disabled',
    failures: row.failures,
    refusals: row.refusals,
    failingSince: row.failing_since,
    failedAt: row.failed_at,
    gone: row.gone,
    trips: row.trips,
    openUntil: row.open_until,
    pausedUntil: row.paused_until,
    rampFrom: row.ramp_from,
    countsFrom: row.counts_from,
    disabledReason: row.disabled_reason,
  };
}

const body = sql`CASE form WHEN 'full' THEN full_body ELSE reference_body END`;
/** Told by where the body is kept: it is not read for it. */
const bodyBytes = sql`octet_length(${body})`;
/**
 * A larger body does not come along with its claim: hundreds of 5 MB claimed at once took 2.8 GB, and of 8 MB the claim
 * outlived its statement's limit, over and over.
 */
export const TAKEN_ALONG_BYTES = 16_384;

/** More due deliveries of endpoints we hold. Those whose lease is gone give nothing. */
export async function claimDeliveries(
  db: Db,
  wanted: readonly (Lease & { room: number })[],
): Promise<Claimed[]> {
  const { rows } = await sql<{
    endpoint_id: string;
    token: number;
    id: string;
    account_id: string;
    webhook_id: string | null;
    url: string;
    method: Method;
    event: DeliveryEvent;
    form: DeliveryForm;
    attempts: number;
    step: number;
    trigger: Trigger;
    gzip: boolean;
    headers: CallbackHeaders | null;
    job_id: string;
    trace: TraceContext | null;
    bytes: number;
    body: string | null;
  }>`${prepared('claim_deliveries')}
    WITH ${HASTY},
    lease AS (
      SELECT wanted.*,
        -- A probe that is the oldest every time would be the same message, which the receiver may be unable to take: every
        -- other one is the newest.
        endpoint.breaker = 'half_open' AND endpoint.trips % 2 = 1 AS newest_first
      FROM hasty, unnest(
          ${plainArray(wanted.map((w) => w.endpointId))}::uuid[], ${plainArray(wanted.map((w) => w.token))}::bigint[],
          ${plainArray(wanted.map((w) => w.room))}::int[]) AS wanted (endpoint_id, token, room)
      JOIN endpoint ON endpoint.id = wanted.endpoint_id AND endpoint.token = wanted.token
        AND endpoint.disabled_at IS NULL),
    due AS (
      SELECT delivery.id FROM lease CROSS JOIN LATERAL (
        SELECT id FROM delivery
        WHERE NOT lease.newest_first AND endpoint_id = lease.endpoint_id AND state = 'pending' AND due_at <= now()
        ORDER BY due_at, id LIMIT lease.room
        FOR UPDATE SKIP LOCKED) AS delivery),
    probe AS (
      SELECT delivery.id FROM lease CROSS JOIN LATERAL (
        SELECT id FROM delivery
        WHERE lease.newest_first AND endpoint_id = lease.endpoint_id AND state = 'pending' AND due_at <= now()
        ORDER BY due_at DESC, id DESC LIMIT lease.room
        FOR UPDATE SKIP LOCKED) AS delivery)
    UPDATE delivery SET state = 'delivering', attempts = attempts + 1, step = step + 1, claimed_at = now(),
      due_at = NULL, token = (SELECT token FROM endpoint WHERE id = delivery.endpoint_id)
    -- As an array: joined to it, the planner (which cannot know a LIMIT that is a column) read the whole table, 13 ms a
    -- claim at 20,000 rows instead of 0.4.
    WHERE delivery.id = ANY(ARRAY(SELECT id FROM due UNION ALL SELECT id FROM probe))
    RETURNING delivery.endpoint_id, delivery.token, delivery.id, delivery.account_id, webhook_id, url, method, event, form, attempts, step,
      trigger, gzip, headers, job_id, trace, ${bodyBytes} AS bytes,
      CASE WHEN ${bodyBytes} <= ${TAKEN_ALONG_BYTES}::int THEN convert_from(${body}, 'UTF8') END AS body`.execute(
    db,
  );
  return rows.map((row) => ({
    endpointId: row.endpoint_id,
    token: row.token,
    id: row.id,
    accountId: row.account_id,
    webhookId: row.webhook_id,
    url: row.url,
    method: row.method,
    event: row.event,
    form: row.form,
    attempt: row.attempts,
    step: row.step,
    trigger: row.trigger,
    gzip: row.gzip,
    headers: row.headers,
    jobId: row.job_id,
    trace: row.trace,
    bytes: row.bytes,
    // As text it travels at half the size of bytea's hexadecimal.
    body: row.body === null ? null : Buffer.from(row.body),
  }));
}

/**
 * The body of a claimed delivery that did not come along with its claim; null once the delivery is ours no more, it went with
 * its job, or it is wanted no more.
 */
export async function readBody(db: Db, { id, token }: Pick<Claimed, 'id' | 'token'>): Promise<Buffer | null> {
  const { rows } = await sql<{ body: string | null }>`
    SELECT convert_from(${body}, 'UTF8') AS body FROM delivery
    WHERE id = ${id} AND token = ${token} AND state = 'delivering' AND cancel_reason IS NULL`.execute(db);
  const text = rows[0]?.body ?? null;
  return text === null ? null : Buffer.from(text);
}

/** What a delivery becomes that its sender gives up unfinished: due again, or called off where its owner wants it no more. */
const LET_GO = sql`CASE WHEN cancel_reason IS NULL THEN 'pending' ELSE 'cancelled' END`;
const letGo = sql`state = ${LET_GO}, due_at = CASE WHEN cancel_reason IS NULL THEN now() END,
  final_at = CASE WHEN cancel_reason IS NOT NULL THEN now() END, reason = cancel_reason, cancel_reason = NULL,
  token = NULL, claimed_at = NULL`;

/** The last holder died between claim and record: whether the receiver got it is unknown, so it is due again. */
async function putBack(db: Db, leases: readonly Lease[]): Promise<DeliveryChange[]> {
  const { rows } = await sql<{ change: DeliveryChange }>`
    WITH lease AS (
      SELECT * FROM unnest(${leases.map((l) => l.endpointId)}::uuid[], ${leases.map((l) => l.token)}::bigint[])
        AS lease (endpoint_id, token)),
    stranded AS (
      SELECT delivery.id, delivery.claimed_at FROM delivery JOIN lease USING (endpoint_id)
      WHERE delivery.state = 'delivering' AND delivery.token < lease.token
      ORDER BY delivery.id FOR UPDATE OF delivery),
    freed AS (
      UPDATE delivery SET ${letGo}
      FROM stranded WHERE delivery.id = stranded.id
      RETURNING delivery.id, account_id, job_id, state, attempts, trigger, form, due_at, stranded.claimed_at),
    written AS (
      INSERT INTO attempt (delivery_id, number, trigger, form, started_at, outcome, error_class, error_message, next_at)
      SELECT id, attempts, trigger, form, claimed_at, 'unknown', 'interrupted',
        'the sending process stopped before it had recorded an answer: the request may or may not have been sent', due_at
      FROM freed ON CONFLICT DO NOTHING)
    SELECT ${deliveryChange} FROM freed`.execute(db);
  return rows.map(({ change }) => change);
}

/** How one attempt ended, and what it makes of the delivery. Times are waits, added to the database's clock. */
export type Recorded = {
  endpointId: string;
  token: number;
  deliveryId: string;
  attempt: {
    number: number;
    trigger: Trigger;
    form: DeliveryForm;
    startedAt: Date;
    durationMs: number;
    address: string | null;
    phases: Record<string, number | null>;
    status: number | null;
    location: string | null;
    answerHead: Buffer;
    answerBytes: number | null;
    answerTruncated: boolean;
    outcome: string;
    errorClass: string | null;
    errorMessage: string | null;
  };
  next: {
    state: Exclude<DeliveryState, 'delivering'>;
    form: DeliveryForm;
    /** Once false it stays so: the receiver takes no packed body. */
    gzip: boolean;
    /** Milliseconds from now, when `pending`. */
    waitMs: number | null;
    /** The attempt was cut short by ourselves: it stays on record, but does not use up the schedule. */
    refund: boolean;
    /** When `failed` or `cancelled`. */
    reason: string | null;
  };
};

/** The health of a leased endpoint after the answers that are recorded with it. */
export type RecordedHealth = Lease & { health: EndpointHealth };

/** Of endpoints and hosts whose health the answers changed. */
export type RecordedHealths = {
  endpoints: readonly RecordedHealth[];
  hosts: readonly RecordedHost[];
};

/**
 * Many attempts, and what they make of their endpoints, at once or not at all. The attempt is always put on record; the
 * delivery changes only where the token still holds. Returns what changed.
 */
export async function record(
  db: Db,
  batch: readonly Recorded[],
  { endpoints, hosts }: RecordedHealths,
): Promise<DeliveryChange[]> {
  // Healthy ones have nothing to write: one statement is its own transaction, at a third of the round trips.
  if (endpoints.length === 0 && hosts.length === 0) return recordAttempts(db, batch);
  return db.transaction().execute(async (trx) => {
    if (endpoints.length > 0) await writeHealth(trx, endpoints);
    if (hosts.length > 0) await writeHosts(trx, hosts);
    return recordAttempts(trx, batch);
  });
}

async function recordAttempts(db: Db, batch: readonly Recorded[]): Promise<DeliveryChange[]> {
  const { rows } = await sql<Omit<DeliveryChange, 'kind'>>`${prepared('record_attempts')}
    WITH outcome AS (${outcomes(batch)}),
    changed AS (
      UPDATE delivery SET
        state = CASE WHEN outcome.next_state = 'pending' THEN ${LET_GO} ELSE outcome.next_state END,
        form = outcome.next_form,
        gzip = gzip AND outcome.next_gzip,
        due_at = CASE WHEN outcome.next_state = 'pending' AND cancel_reason IS NULL
          THEN now() + outcome.wait_ms * interval '1 millisecond' END,
        final_at = CASE WHEN outcome.next_state = 'pending' AND cancel_reason IS NULL THEN NULL ELSE now() END,
        reason = CASE outcome.next_state WHEN 'pending' THEN cancel_reason ELSE outcome.reason END,
        step = CASE WHEN outcome.refund THEN step - 1 ELSE step END,
        token = NULL, claimed_at = NULL, cancel_reason = NULL
      FROM outcome WHERE delivery.id = outcome.id AND delivery.token = outcome.token
      -- The answer comes along: joining it again here would compare each row of a batch with each.
      RETURNING outcome.*, delivery.state, delivery.due_at AS next_at, delivery.account_id, delivery.job_id, delivery.attempts),
    written AS (${insertAttempts(sql`changed`)})
    SELECT id, account_id AS "accountId", job_id AS "jobId", state, attempts, ${changedAt} AS at
    FROM changed`.execute(db);
  const changed = new Set(rows.map((row) => row.id));
  const taken = batch.filter((item) => !changed.has(item.deliveryId));
  if (taken.length > 0) await recordTaken(db, taken);
  return rows.map((row) => ({ kind: 'delivery', ...row }));
}

/** Somebody else has moved the delivery on since: the attempt goes on record all the same. */
async function recordTaken(db: Db, batch: readonly Recorded[]): Promise<void> {
  await sql`
    WITH taken AS (
      SELECT outcome.*, NULL::timestamptz AS next_at FROM (${outcomes(batch)}) AS outcome
      WHERE EXISTS (SELECT FROM delivery WHERE delivery.id = outcome.id))
    ${insertAttempts(sql`taken`)}`.execute(db);
}

/** The batch as rows, in the order in which locks are taken. */
function outcomes(batch: readonly Recorded[]) {
  const sorted = batch.toSorted((a, b) => (a.deliveryId < b.deliveryId ? -1 : 1));
  const attempts = sorted.map((item) => item.attempt);
  const nexts = sorted.map((item) => item.next);
  return sql`
    SELECT * FROM unnest(
      ${plainArray(sorted.map((item) => item.deliveryId))}::uuid[],
      ${plainArray(sorted.map((item) => item.token))}::bigint[], ${plainArray(attempts.map((a) => a.number))}::int[],
      ${plainArray(attempts.map((a) => a.trigger))}::text[], ${plainArray(attempts.map((a) => a.form))}::text[],
      ${plainArray(attempts.map((a) => a.startedAt))}::timestamptz[],
      ${plainArray(attempts.map((a) => Math.round(a.durationMs)))}::int[],
      ${attempts.map((a) => a.address)}::text[], ${attempts.map((a) => JSON.stringify(a.phases))}::jsonb[],
      ${plainArray(attempts.map((a) => a.status))}::int[], ${attempts.map((a) => a.location)}::text[],
      ${attempts.map((a) => a.answerHead)}::bytea[], ${plainArray(attempts.map((a) => a.answerBytes))}::bigint[],
      ${plainArray(attempts.map((a) => a.answerTruncated))}::bool[], ${plainArray(attempts.map((a) => a.outcome))}::text[],
      ${plainArray(attempts.map((a) => a.errorClass))}::text[], ${attempts.map((a) => a.errorMessage)}::text[],
      ${plainArray(nexts.map((n) => n.state))}::text[], ${plainArray(nexts.map((n) => n.form))}::text[],
      ${plainArray(nexts.map((n) => n.waitMs))}::float8[], ${nexts.map((n) => n.reason)}::text[],
      ${plainArray(nexts.map((n) => n.refund))}::bool[], ${plainArray(nexts.map((n) => n.gzip))}::bool[])
    AS outcome (id, token, number, trigger, form, started_at, duration_ms, address, phases, status, location,
      answer_head, answer_bytes, answer_truncated, outcome, error_class, error_message, next_state, next_form,
      wait_ms, reason, refund, next_gzip)`;
}

/** An attempt given up as `unknown` by another holder is corrected by the answer. */
function insertAttempts(source: RawBuilder<unknown>) {
  return sql`
    INSERT INTO attempt (delivery_id, number, trigger, form, started_at, duration_ms, address, phases, status,
      location, answer_head, answer_bytes, answer_truncated, outcome, error_class, error_message, next_at)
    SELECT id, number, trigger, form, started_at, duration_ms, address, phases, status, location, answer_head,
      answer_bytes, answer_truncated, outcome, error_class, error_message, next_at FROM ${source}
    ON CONFLICT (delivery_id, number) DO UPDATE SET
      duration_ms = excluded.duration_ms, address = excluded.address, phases = excluded.phases,
      status = excluded.status, location = excluded.location, answer_head = excluded.answer_head,
      answer_bytes = excluded.answer_bytes, answer_truncated = excluded.answer_truncated,
      outcome = excluded.outcome, error_class = excluded.error_class, error_message = excluded.error_message`;
}

async function writeHealth(trx: Trx, unsorted: readonly RecordedHealth[]): Promise<void> {
  const healths = unsorted.toSorted((a, b) => (a.endpointId < b.endpointId ? -1 : 1));
  const of = <K extends keyof EndpointHealth>(key: K) => healths.map(({ health }) => health[key]);
  await sql`
    UPDATE endpoint SET
      breaker = CASE WHEN h.state = 'disabled' THEN 'closed' ELSE h.state END,
      failures = h.failures, refusals = h.refusals, failing_since = h.failing_since, failed_at = h.failed_at, gone = h.gone, trips = h.trips,
      open_until = h.open_until,
      -- A replay may have asked for a slow start since the lease was taken.
      ramp_from = greatest(endpoint.ramp_from, h.ramp_from),
      counts_from = greatest(endpoint.counts_from, h.counts_from),
      paused_until = greatest(endpoint.paused_until, h.paused_until),
      next_due = CASE WHEN h.state = 'disabled' THEN NULL ELSE next_due END,
      disabled_at = CASE WHEN h.state = 'disabled' THEN coalesce(disabled_at, now()) ELSE disabled_at END,
      disabled_reason = CASE WHEN h.state = 'disabled' THEN coalesce(endpoint.disabled_reason, h.disabled_reason)
        ELSE endpoint.disabled_reason END,
      disabled_untold = disabled_untold OR (h.state = 'disabled' AND disabled_at IS NULL)
    FROM unnest(
      ${healths.map((h) => h.endpointId)}::uuid[], ${healths.map((h) => h.token)}::bigint[], ${of('state')}::text[],
      ${of('failures')}::int[], ${of('refusals')}::int[], ${of('failingSince')}::timestamptz[], ${of('failedAt')}::timestamptz[], ${of('gone')}::int[], ${of('trips')}::int[],
      ${of('openUntil')}::timestamptz[], ${of('rampFrom')}::timestamptz[], ${of('pausedUntil')}::timestamptz[],
      ${of('countsFrom')}::timestamptz[], ${of('disabledReason')}::text[])
    AS h (endpoint_id, token, state, failures, refusals, failing_since, failed_at, gone, trips, open_until, ramp_from, paused_until,
      counts_from, disabled_reason)
    WHERE endpoint.id = h.endpoint_id AND endpoint.token = h.token
      -- Enabled meanwhile, and its holder has not heard of it: what it knows is of the time before.
      AND (endpoint.counts_from IS NULL OR h.counts_from >= endpoint.counts_from)`.execute(trx);
}

/**
 * Deliveries that were claimed and not begun: as if they had never been claimed. Those taken over since are left alone.
 * Returns those that are called off with it.
 */
export async function handBack(db: Db, unsent: readonly Claimed[]): Promise<DeliveryChange[]> {
  const { rows } = await sql<{ change: DeliveryChange }>`
    UPDATE delivery SET ${letGo}, attempts = attempts - 1, step = step - 1
    FROM unnest(${unsent.map((item) => item.id)}::uuid[], ${unsent.map((item) => item.token)}::bigint[])
      AS unsent (delivery_id, claim)
    WHERE delivery.id = unsent.delivery_id AND delivery.token = unsent.claim
    RETURNING ${deliveryChange}`.execute(db);
  return rows.map(({ change }) => change).filter(({ state }) => state === 'cancelled');
}

/** What is stranded waits so long on an idle endpoint: whatever failed inside must not fail again at once, for ever. */
const STRANDED_MS = 15_000;

/**
 * Gives endpoints back with the time at which each has to be looked at again. First the lock, then the look: a
 * delivery that commits in between is either seen, or lowers `next_due` after us.
 *
 * Where a transaction that opens a delivery holds the endpoint's key, its delivery would not be seen: the endpoint stays due,
 * and the next look names its time. To wait for the lock instead may take for ever: at 1,000 results a second somebody
 * always holds it.
 */
export function releaseEndpoints(db: Db, leases: readonly Lease[]): Promise<void> {
  return db.transaction().execute(async (trx) => {
    await sql`SET LOCAL synchronous_commit = off`.execute(trx);
    const ids = leases.map((lease) => lease.endpointId);
    const locked = await sql<{ id: string }>`
      SELECT id FROM endpoint WHERE id = ANY(${ids}::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED`.execute(trx);
    await sql`
      UPDATE endpoint SET
        -- An expired lease makes the next claim put back what is stranded: a claim whose answer never came, an attempt
        -- that failed inside. A reminder alone would never see the endpoint at rest while it is busy.
        leased_until = CASE WHEN owed.stranded THEN '-infinity'::timestamptz END,
        next_due = CASE WHEN disabled_at IS NULL AND (owed.due IS NOT NULL OR owed.stranded) THEN greatest(
          least(owed.due, CASE WHEN owed.stranded THEN now() + ${STRANDED_MS} * interval '1 millisecond' END),
          endpoint.paused_until, endpoint.open_until) END
      FROM (
        SELECT lease.*, lease.endpoint_id = ANY(${locked.rows.map((row) => row.id)}::uuid[]) AS locked
        FROM unnest(${ids}::uuid[], ${leases.map((lease) => lease.token)}::bigint[]) AS lease (endpoint_id, token)) AS lease
      CROSS JOIN LATERAL (
        SELECT CASE WHEN lease.locked THEN
            (SELECT min(due_at) FROM delivery WHERE endpoint_id = lease.endpoint_id AND state = 'pending')
          ELSE now() END AS due,
          EXISTS (SELECT FROM delivery WHERE endpoint_id = lease.endpoint_id AND state = 'delivering') AS stranded)
        AS owed
      WHERE endpoint.id = lease.endpoint_id AND endpoint.token = lease.token`.execute(trx);
  });
}

/** After a kill -9 of the only process: no lease can still be held by a living one. */
export async function endAllLeases(db: Db): Promise<void> {
  await db
    .updateTable('endpoint')
    .set({ leased_until: sql`'-infinity'` })
    .where('leased_until', 'is not', null)
    .execute();
}

/**
 * A disabled endpoint is not claimed, so a holder that died takes its deliveries in flight with it: they are put back
 * here, to wait with the others. Returns how many endpoints were mended.
 */
export function freeDisabledEndpoints(db: TellingDb): Promise<number> {
  return db.commit(async (trx) => {
    const { rows } = await sql<{ id: string; token: number }>`
      WITH stranded AS (
        SELECT id FROM endpoint
        WHERE disabled_at IS NOT NULL AND (leased_until IS NULL OR leased_until < now())
          AND EXISTS (SELECT FROM delivery WHERE endpoint_id = endpoint.id AND state = 'delivering')
        ORDER BY id FOR UPDATE SKIP LOCKED)
      UPDATE endpoint SET token = token + 1, leased_until = NULL, next_due = NULL
      FROM stranded WHERE endpoint.id = stranded.id
      RETURNING endpoint.id, endpoint.token`.execute(trx);
    const freed = rows.map((row) => ({ endpointId: row.id, token: row.token }));
    if (freed.length > 0) trx.changed.push(...(await putBack(trx, freed)));
    return freed.length;
  });
}

/**
 * The safety net: a delivery that waits while its endpoint names no time, or a later one, gets its endpoint marked.
 * Returns how many endpoints were mended: anything but 0 is a bug or a repaired crash.
 *
 * From endpoint to endpoint along the index: with 100,000 deliveries waiting for one, reading them all took 200 ms of a
 * core every time.
 */
export async function remindEndpoints(db: Db): Promise<number> {
  const { rows } = await sql<{ id: string }>`
    WITH RECURSIVE owed AS (
      (SELECT endpoint_id, due_at AS due FROM delivery WHERE state = 'pending' ORDER BY endpoint_id, due_at LIMIT 1)
      UNION ALL
      SELECT following.* FROM owed CROSS JOIN LATERAL (
        SELECT endpoint_id, due_at FROM delivery WHERE state = 'pending' AND endpoint_id > owed.endpoint_id
        ORDER BY endpoint_id, due_at LIMIT 1) AS following),
    stranded AS (
      SELECT endpoint_id, now() AS due FROM delivery WHERE state = 'delivering' GROUP BY endpoint_id),
    waiting AS (
      SELECT endpoint_id, min(due) AS due, bool_or(stranded) AS stranded
      FROM (SELECT *, false AS stranded FROM owed UNION ALL SELECT *, true FROM stranded) AS either
      GROUP BY endpoint_id),
    silent AS (
      SELECT endpoint.id, waiting.due, waiting.stranded FROM waiting JOIN endpoint ON endpoint.id = waiting.endpoint_id
      WHERE endpoint.leased_until IS NULL AND endpoint.disabled_at IS NULL
        AND (endpoint.next_due IS NULL
          OR endpoint.next_due > greatest(waiting.due, endpoint.paused_until, endpoint.open_until)))
    UPDATE endpoint SET next_due = greatest(silent.due, endpoint.paused_until, endpoint.open_until),
      -- An expired lease makes the next claim put back what is stranded.
      leased_until = CASE WHEN silent.stranded THEN '-infinity'::timestamptz END
    FROM silent WHERE endpoint.id = silent.id AND endpoint.leased_until IS NULL AND endpoint.disabled_at IS NULL
    RETURNING endpoint.id`.execute(db);
  return rows.length;
}
