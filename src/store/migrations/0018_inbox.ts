// Inboxes: receivers of the server's own, with the last requests that came to each; and callbacks that are only a test.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `CREATE TABLE inbox (
     id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     name text NOT NULL,
     token text NOT NULL UNIQUE,
     answers json NOT NULL,
     given bigint NOT NULL DEFAULT 0,
     forward boolean NOT NULL DEFAULT false,
     max_bytes integer NOT NULL,
     last_number bigint NOT NULL DEFAULT 0,
     last_request_at timestamptz,
     created_at timestamptz NOT NULL DEFAULT now(),
     CONSTRAINT inbox_of_account UNIQUE (account_id, name)
   )`,

  `CREATE TABLE inbox_request (
     inbox_id uuid NOT NULL REFERENCES inbox ON DELETE CASCADE,
     number bigint NOT NULL,
     account_id uuid NOT NULL,
     received_at timestamptz NOT NULL DEFAULT now(),
     method text NOT NULL,
     target text NOT NULL,
     headers json NOT NULL,
     body bytea,
     bytes bigint NOT NULL,
     signature text CHECK (signature IN ('valid', 'invalid')),
     state text NOT NULL CHECK (state IN ('waiting', 'answered', 'held', 'cut', 'left')),
     waits_until timestamptz,
     answered_by text CHECK (answered_by IN ('inbox', 'forwarder')),
     answer_status integer,
     answer_headers json,
     answer_body bytea,
     answered_at timestamptz,
     PRIMARY KEY (inbox_id, number),
     CONSTRAINT inbox_request_waits CHECK ((state = 'waiting') = (waits_until IS NOT NULL)),
     CONSTRAINT inbox_request_answered CHECK ((state = 'answered') = (answer_status IS NOT NULL))
   )`,
  // What an account keeps is counted along the first, what is old goes along the second.
  `CREATE INDEX inbox_request_of_account ON inbox_request (account_id, received_at DESC) INCLUDE (bytes)
     WHERE body IS NOT NULL`,
  `CREATE INDEX inbox_request_age ON inbox_request (received_at)`,

  // Who is connected to answer an inbox's requests; one that has not been heard of for a while is gone.
  `CREATE TABLE inbox_forwarder (
     id uuid PRIMARY KEY,
     inbox_id uuid NOT NULL REFERENCES inbox ON DELETE CASCADE,
     beat_at timestamptz NOT NULL DEFAULT now()
   )`,
  `CREATE INDEX inbox_forwarder_of ON inbox_forwarder (inbox_id, beat_at)`,

  `ALTER TABLE delivery ADD test boolean NOT NULL DEFAULT false`,
] as const;
