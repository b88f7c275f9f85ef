// The tables as Kysely sees them; migrations/ holds the same, with the constraints that keep them true.
import type { Generated, JSONColumnType } from 'kysely';
import type {
  DeliveryForm,
  DeliveryState,
  EndpointState,
  Event,
  Method,
  ReplayFilter,
  ReplayState,
  Trigger,
} from '../delivery.ts';
import type { JobErrorCode } from '../errors.ts';
import type { JobState } from '../job.ts';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export type Schema = {
  account: {
    id: Generated<string>;
    name: string;
    created_at: Generated<Date>;
  };
  api_key: {
    id: Generated<string>;
    account_id: string;
    name: string;
    /** The first characters of the key, to tell keys apart. */
    prefix: string;
    /** SHA-256 of the key. */
    hash: Buffer;
    /** `setting`: named in RINGBACK_API_KEYS, and revoked once it is gone from there. */
    source: 'created' | 'setting';
    created_at: Generated<Date>;
    last_used_at: Date | null;
    revoked_at: Date | null;
  };
  audio: {
    id: string;
    account_id: string;
    filename: string;
    extension: string;
    bytes: number;
    source_url: string | null;
    /** Seconds. */
    duration: number;
    channels: number;
    created_at: Generated<Date>;
  };
  job: {
    id: string;
    account_id: string;
    state: Generated<JobState>;
    /** Counts starts; the token that fences every later write of that start. */
    run: Generated<number>;
    lease_until: Date | null;
    /** The pg-boss job that is to run this one. */
    queue_id: string | null;
    audio_url: string;
    /** Set when `audio_url` is one of our own uploads. */
    audio_id: string | null;
    /** The request as it was sent. */
    request: JSONColumnType<Record<string, Json>>;
    custom_metadata: JSONColumnType<Record<string, Json>> | null;
    callback_url: string | null;
    callback_method: Method | null;
    callback_form: DeliveryForm | null;
    callback_gzip: Generated<boolean>;
    created_at: Generated<Date>;
    started_at: Date | null;
    completed_at: Date | null;
    filename: string | null;
    /** Seconds. */
    duration: number | null;
    channels: number | null;
    /** JSON text, kept byte for byte: the callback's payload is this very text. */
    result: string | null;
    error_code: JobErrorCode | null;
    error_message: string | null;
  };
  endpoint: {
    id: Generated<string>;
    account_id: string;
    /** Without query and fragment. */
    url: string;
    /** When its earliest delivery is due; null: nothing waits. */
    next_due: Date | null;
    leased_until: Date | null;
    /** Goes up with every lease; fences every write of that lease. */
    token: Generated<number>;
    /** No attempt before this time (Retry-After). */
    paused_until: Date | null;
    created_at: Generated<Date>;
    breaker: Generated<Exclude<EndpointState, 'disabled'>>;
    failures: Generated<number>;
    failing_since: Date | null;
    gone: Generated<number>;
    trips: Generated<number>;
    open_until: Date | null;
    ramp_from: Date | null;
    disabled_at: Date | null;
    disabled_reason: string | null;
  };
  endpoint_hour: {
    endpoint_id: string;
    hour: Date;
    succeeded: number;
    failed: number;
  };
  delivery: {
    id: string;
    account_id: string;
    job_id: string;
    endpoint_id: string;
    url: string;
    method: Method;
    event: Event;
    form: DeliveryForm;
    /** The form asked for: a resend starts with it again. */
    asked_form: DeliveryForm;
    /** The body travels gzipped. */
    gzip: Generated<boolean>;
    full_body: Buffer | null;
    reference_body: Buffer | null;
    state: Generated<DeliveryState>;
    /** Attempts begun, over all sends. */
    attempts: Generated<number>;
    /** Attempts begun since the last (re)send: the place in the schedule. */
    step: Generated<number>;
    trigger: Generated<Trigger>;
    due_at: Date | null;
    /** The endpoint's token at the claim. */
    token: number | null;
    claimed_at: Date | null;
    /** Why it is failed or cancelled. */
    reason: string | null;
    created_at: Generated<Date>;
    final_at: Date | null;
  };
  signing_secret: {
    id: Generated<string>;
    account_id: string;
    secret: string;
    origin: 'account' | 'rotation';
    created_at: Generated<Date>;
    expires_at: Date | null;
  };
  attempt: {
    delivery_id: string;
    number: number;
    trigger: Trigger;
    form: DeliveryForm;
    started_at: Date;
    duration_ms: number | null;
    address: string | null;
    phases: JSONColumnType<Record<string, number | null>> | null;
    status: number | null;
    location: string | null;
    answer_head: Buffer | null;
    answer_bytes: number | null;
    answer_truncated: boolean | null;
    outcome: string;
    error_class: string | null;
    error_message: string | null;
    next_at: Date | null;
  };
  /** Attempts ever made. */
  attempt_total: {
    outcome: string;
    attempts: number;
  };
  /** One row. */
  installation: {
    single: Generated<true>;
    /** Names this database to the storage folder. */
    id: Generated<string>;
  };
  idempotency_key: {
    account_id: string;
    /** The path that was posted to. */
    route: string;
    key: string;
    body_hash: Buffer;
    /** What the request made: a job or an upload. */
    job_id: string | null;
    audio_id: string | null;
    status: number;
    /** The body of the answer. */
    answer: string;
    created_at: Generated<Date>;
  };
  replay: {
    id: Generated<string>;
    account_id: string;
    filter: JSONColumnType<ReplayFilter>;
    /** Deliveries a second. */
    rate: number;
    state: Generated<ReplayState>;
    /** The place it came to: everything up to here, by (created_at, id), is dealt with. */
    cursor_at: Generated<Date>;
    cursor_id: Generated<string>;
    /** When the next batch may go. */
    next_at: Generated<Date>;
    matched: Generated<number>;
    resent: Generated<number>;
    /** Skipped: being sent at that moment. */
    in_flight: Generated<number>;
    /** Skipped: the body went with its transcription. */
    body_gone: Generated<number>;
    created_at: Generated<Date>;
    finished_at: Date | null;
  };
};
