// Accounts, audio, jobs, endpoints, deliveries, attempts. The CHECKs are the state machines of ARCHITECTURE.md.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `CREATE TABLE account (
     id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
     name text NOT NULL,
     created_at timestamptz NOT NULL DEFAULT now()
   )`,

  `CREATE TABLE api_key (
     id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     name text NOT NULL,
     prefix text NOT NULL,
     hash bytea NOT NULL UNIQUE,
     source text NOT NULL CHECK (source IN ('created', 'setting')),
     created_at timestamptz NOT NULL DEFAULT now(),
     last_used_at timestamptz,
     revoked_at timestamptz
   )`,

  `CREATE TABLE audio (
     id uuid PRIMARY KEY,
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     filename text NOT NULL,
     extension text NOT NULL,
     bytes bigint NOT NULL CHECK (bytes > 0),
     source_url text,
     duration double precision NOT NULL,
     channels integer NOT NULL,
     created_at timestamptz NOT NULL DEFAULT now()
   )`,

  `CREATE TABLE job (
     id uuid PRIMARY KEY,
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'processing', 'done', 'error')),
     run integer NOT NULL DEFAULT 0,
     lease_until timestamptz,
     queue_id uuid,
     audio_url text NOT NULL,
     audio_id uuid REFERENCES audio ON DELETE SET NULL,
     request json NOT NULL,
     custom_metadata jsonb,
     callback_url text,
     callback_method text CHECK (callback_method IN ('POST', 'PUT')),
     callback_form text CHECK (callback_form IN ('full', 'reference')),
     created_at timestamptz NOT NULL DEFAULT now(),
     started_at timestamptz,
     completed_at timestamptz,
     filename text,
     duration double precision,
     channels integer,
     result text,
     error_code text,
     error_message text,
     CONSTRAINT job_final_has_time CHECK ((state IN ('done', 'error')) = (completed_at IS NOT NULL)),
     CONSTRAINT job_done_has_result CHECK ((state = 'done') = (result IS NOT NULL)),
     CONSTRAINT job_error_has_code CHECK ((state = 'error') = (error_code IS NOT NULL)),
     CONSTRAINT job_error_has_message CHECK ((error_code IS NULL) = (error_message IS NULL)),
     CONSTRAINT job_processing_has_lease CHECK ((state = 'processing') = (lease_until IS NOT NULL)),
     CONSTRAINT job_callback_whole CHECK ((callback_url IS NULL) = (callback_method IS NULL)
                                      AND (callback_url IS NULL) = (callback_form IS NULL))
   )`,
  `CREATE INDEX job_of_account ON job (account_id, created_at DESC, id DESC)`,
  `CREATE INDEX job_unfinished ON job (state, lease_until) WHERE state IN ('queued', 'processing')`,
  `CREATE INDEX job_audio ON job (audio_id) WHERE audio_id IS NOT NULL`,

  `CREATE TABLE endpoint (
     id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     url text NOT NULL,
     next_due timestamptz,
     leased_until timestamptz,
     token bigint NOT NULL DEFAULT 0,
     paused_until timestamptz,
     created_at timestamptz NOT NULL DEFAULT now(),
     UNIQUE (account_id, url)
   )`,
  `CREATE INDEX endpoint_due ON endpoint (next_due) WHERE next_due IS NOT NULL`,

  // No foreign key to job: the record of what was sent outlives a deleted job.
  `CREATE TABLE delivery (
     id uuid PRIMARY KEY,
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     job_id uuid NOT NULL,
     endpoint_id uuid NOT NULL REFERENCES endpoint,
     url text NOT NULL,
     method text NOT NULL CHECK (method IN ('POST', 'PUT')),
     event text NOT NULL CHECK (event IN ('success', 'error')),
     form text NOT NULL CHECK (form IN ('full', 'reference')),
     asked_form text NOT NULL CHECK (asked_form IN ('full', 'reference')),
     full_body bytea,
     reference_body bytea,
     state text NOT NULL DEFAULT 'pending'
       CHECK (state IN ('pending', 'delivering', 'delivered', 'failed', 'cancelled')),
     attempts integer NOT NULL DEFAULT 0,
     step integer NOT NULL DEFAULT 0,
     trigger text NOT NULL DEFAULT 'schedule' CHECK (trigger IN ('schedule', 'resend')),
     due_at timestamptz,
     token bigint,
     claimed_at timestamptz,
     reason text,
     created_at timestamptz NOT NULL DEFAULT now(),
     final_at timestamptz,
     CONSTRAINT delivery_final_has_time
       CHECK ((state IN ('delivered', 'failed', 'cancelled')) = (final_at IS NOT NULL)),
     CONSTRAINT delivery_pending_has_due CHECK ((state = 'pending') = (due_at IS NOT NULL)),
     CONSTRAINT delivery_delivering_has_token
       CHECK ((state = 'delivering') = (token IS NOT NULL) AND (token IS NULL) = (claimed_at IS NULL)),
     CONSTRAINT delivery_refused_has_reason CHECK ((state IN ('failed', 'cancelled')) = (reason IS NOT NULL)),
     CONSTRAINT delivery_open_has_body CHECK (state IN ('delivered', 'failed', 'cancelled')
       OR CASE form WHEN 'full' THEN full_body IS NOT NULL ELSE reference_body IS NOT NULL END)
   )`,
  `CREATE INDEX delivery_due ON delivery (endpoint_id, due_at, id) WHERE state = 'pending'`,
  `CREATE INDEX delivery_in_flight ON delivery (endpoint_id) WHERE state = 'delivering'`,
  `CREATE INDEX delivery_of_job ON delivery (job_id)`,
  `CREATE INDEX delivery_of_account ON delivery (account_id, created_at DESC, id DESC)`,

  `CREATE TABLE attempt (
     delivery_id uuid NOT NULL REFERENCES delivery ON DELETE CASCADE,
     number integer NOT NULL,
     trigger text NOT NULL,
     form text NOT NULL,
     started_at timestamptz NOT NULL,
     duration_ms integer,
     address text,
     phases jsonb,
     status integer,
     location text,
     answer_head bytea,
     answer_bytes bigint,
     answer_truncated boolean,
     outcome text NOT NULL,
     error_class text,
     error_message text,
     next_at timestamptz,
     PRIMARY KEY (delivery_id, number)
   )`,
] as const;
