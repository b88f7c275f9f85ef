// The tables as Kysely sees them; migrations/ holds the same, with the constraints that keep them true.
import type { Generated, JSONColumnType } from 'kysely';
import type { AuditAction } from '../audit.ts';
import type { CallbackHeaders } from '../callback-headers.ts';
import type {
  CallbackFilter,
  CallbackFormat,
  DeliveryEvent,
  DeliveryForm,
  DeliveryState,
  EndpointState,
  HostState,
  Method,
  ReplayState,
  Trigger,
} from '../delivery.ts';
import type { JobErrorCode } from '../errors.ts';
import type { InboxRequestState, ToldAnswer } from '../inbox.ts';
import type { JobState } from '../job.ts';
import type { TraceContext } from '../trace.ts';
import type { WebhookEvent, WebhookPayload } from '../webhook.ts';

/** A number that JavaScript would write otherwise is an object of `JSON.rawJSON` (exact-json.ts). */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export type Schema = {
  account: {
    id: Generated<string>;
    name: string;
    created_at: Generated<Date>;
    /** When a download, and when a transcription, of this account last began. */
    last_fetch: Date | null;
    last_start: Date | null;
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
    /** Seconds; null, like the channels, until it was decoded. */
    duration: number | null;
    channels: number | null;
    created_at: Generated<Date>;
  };
  job: {
    id: string;
    account_id: string;
    state: Generated<JobState>;
    /** Counts starts; the token that fences every later write of that start. */
    run: Generated<number>;
    /** Of these starts, those that do not count: handed back, or ended for want of something of our own. */
    refunded: Generated<number>;
    /** Put back for want of something of ours, it waits until then. */
    start_after: Date | null;
    lease_until: Date | null;
    audio_url: string;
    /** Set when `audio_url` is one of our own uploads, and once it has been downloaded. */
    audio_id: string | null;
    /** Downloaded for this job. */
    fetched: Generated<boolean>;
    /** The request as it was sent, its numbers to the letter. */
    request: JSONColumnType<Record<string, Json>>;
    /** What the list's filter looks through, and nothing else: jsonb does not keep a number's letters; `request` does. */
    custom_metadata: JSONColumnType<Record<string, Json>> | null;
    callback_url: string | null;
    callback_method: Method | null;
    callback_form: DeliveryForm | null;
    callback_gzip: Generated<boolean>;
    /** Secret: shown to nobody. */
    callback_headers: JSONColumnType<CallbackHeaders> | null;
    /** Null: as the server's settings say. */
    callback_format: CallbackFormat | null;
    /** What was made of a request that was not quite right; null: nothing. */
    request_notes: JSONColumnType<string[]> | null;
    /** Of the request that made it; null: none. */
    trace: JSONColumnType<TraceContext> | null;
    /** When it last came to wait for a place: made, put back, or downloaded. */
    waits_since: Generated<Date>;
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
  host: {
    id: Generated<string>;
    account_id: string;
    /** Scheme, name and port. */
    origin: string;
    /** Not later than that of any of its endpoints that nobody holds; null: nothing waits. */
    next_due: Date | null;
    breaker: Generated<HostState>;
    /** Attempts in a row that no answer came to. */
    silent: Generated<number>;
    trips: Generated<number>;
    open_until: Date | null;
    created_at: Generated<Date>;
  };
  endpoint: {
    id: Generated<string>;
    account_id: string;
    host_id: Generated<string>;
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
    refusals: Generated<number>;
    failing_since: Date | null;
    failed_at: Date | null;
    gone: Generated<number>;
    trips: Generated<number>;
    open_until: Date | null;
    ramp_from: Date | null;
    /** Attempts begun before tell nothing of its health. */
    counts_from: Date | null;
    disabled_at: Date | null;
    disabled_reason: string | null;
    /** By its owner: seen by nobody any more, and gone once what is being sent there has ended. */
    removed_at: Date | null;
    /** Disabled by its answers, and the webhooks that hear of it have no delivery yet. */
    disabled_untold: Generated<boolean>;
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
    /** Null: it tells of no job, but of an endpoint. */
    job_id: string | null;
    /** Of a webhook that may be gone; null: it is the job's own callback, or a test of one. */
    webhook_id: string | null;
    /** Of an endpoint that may be gone. */
    endpoint_id: string;
    url: string;
    method: Method;
    event: DeliveryEvent;
    form: DeliveryForm;
    /** The form asked for: a resend starts with it again. */
    asked_form: DeliveryForm;
    /** The body travels gzipped. */
    gzip: Generated<boolean>;
    /** Secret: shown to nobody. */
    headers: JSONColumnType<CallbackHeaders> | null;
    /** Of what it came from; null: none. */
    trace: JSONColumnType<TraceContext> | null;
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
    /** While it is being sent: it is wanted no more. */
    cancel_reason: string | null;
    /** Why it is failed or cancelled. */
    reason: string | null;
    created_at: Generated<Date>;
    final_at: Date | null;
    /** Asked for as a test: it is of no transcription. */
    test: Generated<boolean>;
  };
  signing_secret: {
    id: Generated<string>;
    account_id: string;
    secret: string;
    origin: 'account' | 'rotation';
    created_at: Generated<Date>;
    expires_at: Date | null;
  };
  webhook: {
    id: Generated<string>;
    account_id: string;
    url: string;
    /** Secret: shown to nobody. */
    headers: JSONColumnType<CallbackHeaders> | null;
    events: WebhookEvent[];
    /** What the metadata of a job must contain, as it was given; null: any. */
    metadata: JSONColumnType<Record<string, Json>> | null;
    /** The same as the match asks it (metadata.ts). */
    conditions: JSONColumnType<Json[][]> | null;
    description: Generated<string>;
    payload: WebhookPayload;
    format: CallbackFormat;
    enabled: Generated<boolean>;
    created_at: Generated<Date>;
    updated_at: Generated<Date>;
    /** By its owner: seen by nobody any more, and gone once nothing of it waits. */
    deleted_at: Date | null;
  };
  webhook_secret: {
    id: Generated<string>;
    webhook_id: string;
    secret: string;
    /** Its owner asked for it; false: it came with the webhook. */
    rotated: boolean;
    created_at: Generated<Date>;
    /** Null: signs for good. */
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
    /** Where it went, when the delivery has been sent elsewhere since; null: to the delivery's URL. */
    url: string | null;
  };
  /** Attempts ever made. */
  attempt_total: {
    outcome: string;
    attempts: number;
  };
  /** Runs of jobs that came to their end, by how long they took. */
  run_total: {
    outcome: string;
    /** Seconds: they took no longer, and longer than the next smaller one. */
    le: number;
    runs: number;
    /** All of theirs together. */
    seconds: number;
  };
  /** One row. */
  installation: {
    single: Generated<true>;
    /** Names this database to the storage folder. */
    id: Generated<string>;
    /** The storage folder that belongs to it; null until a process has used one. */
    storage_id: string | null;
  };
  /** Servers on this database; one that has not been heard of for a while is dead. */
  process: {
    id: string;
    host: string;
    pid: number;
    /** Within which `pid` is a number of its own: a container. */
    pid_space: string | null;
    roles: string[];
    /** Transcriptions it does at a time. */
    places: Generated<number>;
    /** Of the keys in its RINGBACK_API_KEYS. */
    key_hashes: Buffer[];
    secret_prints: string[];
    started_at: Generated<Date>;
    beat_at: Generated<Date>;
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
    filter: JSONColumnType<CallbackFilter>;
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
    /** Callbacks that fitted when it was made; null: more than are counted, or nobody counted. */
    expected: number | null;
  };
  audit_entry: {
    id: Generated<number>;
    account_id: string;
    at: Generated<Date>;
    action: AuditAction;
    /** The key that asked for it; null: nobody with a key. */
    key_id: string | null;
    /** The key that was made or revoked. */
    subject_id: string | null;
    subject_name: string | null;
  };
  inbox: {
    id: Generated<string>;
    account_id: string;
    name: string;
    /** The last part of its address; whoever knows it may call it. */
    token: string;
    answers: JSONColumnType<ToldAnswer[]>;
    /** How many of them were given since they were told. */
    given: Generated<number>;
    /** Its requests are a forwarder's to answer: without one they are asked to come again. */
    forward: Generated<boolean>;
    max_bytes: number;
    last_number: Generated<number>;
    last_request_at: Date | null;
    created_at: Generated<Date>;
  };
  inbox_request: {
    inbox_id: string;
    /** Counts from 1 in each inbox. */
    number: number;
    account_id: string;
    received_at: Generated<Date>;
    method: string;
    /** What follows the token: a query, or nothing. */
    target: string;
    /** In the order in which they came, each as it was spelled. */
    headers: JSONColumnType<[name: string, value: string][]>;
    /** Null: it was too large, and not read. */
    body: Buffer | null;
    bytes: number;
    /** Null: it had none. */
    signature: 'valid' | 'invalid' | null;
    state: InboxRequestState;
    waits_until: Date | null;
    answered_by: 'inbox' | 'forwarder' | null;
    answer_status: number | null;
    answer_headers: JSONColumnType<Record<string, string>> | null;
    answer_body: Buffer | null;
    answered_at: Date | null;
  };
  inbox_forwarder: {
    id: string;
    inbox_id: string;
    beat_at: Generated<Date>;
  };
};
