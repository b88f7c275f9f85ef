// Answers kept under the key a client gave, so that a repeated request is answered and not repeated.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // It lives and dies with what the request made.
  `CREATE TABLE idempotency_key (
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     route text NOT NULL,
     key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
     body_hash bytea NOT NULL,
     job_id uuid REFERENCES job ON DELETE CASCADE,
     audio_id uuid REFERENCES audio ON DELETE CASCADE,
     status integer NOT NULL,
     answer text NOT NULL,
     created_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (account_id, route, key),
     CONSTRAINT idempotency_key_has_owner CHECK ((job_id IS NULL) <> (audio_id IS NULL))
   )`,
  `CREATE INDEX idempotency_key_of_job ON idempotency_key (job_id) WHERE job_id IS NOT NULL`,
  `CREATE INDEX idempotency_key_of_audio ON idempotency_key (audio_id) WHERE audio_id IS NOT NULL`,
] as const;
