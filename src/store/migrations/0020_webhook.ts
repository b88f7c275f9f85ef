// Webhooks: standing subscriptions of an account, each with signing secrets of its own; and their deliveries.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // `headers` is secret. `metadata` is the filter as it was given, `conditions` the same as the match asks it. A webhook is
  // deleted by a mark, so that a job which ends at the same moment cannot leave a delivery behind that nobody cancels.
  `CREATE TABLE webhook (
     id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     url text NOT NULL,
     headers json,
     events text[] NOT NULL CHECK (cardinality(events) > 0),
     metadata json,
     conditions jsonb,
     description text NOT NULL DEFAULT '',
     payload text NOT NULL CHECK (payload IN ('notice', 'full', 'reference')),
     format text NOT NULL CHECK (format IN ('short', 'gladia', 'record')),
     enabled boolean NOT NULL DEFAULT true,
     created_at timestamptz NOT NULL DEFAULT now(),
     updated_at timestamptz NOT NULL DEFAULT now(),
     deleted_at timestamptz,
     CONSTRAINT webhook_filter_whole CHECK ((metadata IS NULL) = (conditions IS NULL))
   )`,
  `CREATE INDEX webhook_of_account ON webhook (account_id) WHERE deleted_at IS NULL`,
  `CREATE INDEX webhook_deleted ON webhook (deleted_at) WHERE deleted_at IS NOT NULL`,

  `CREATE TABLE webhook_secret (
     id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
     webhook_id uuid NOT NULL REFERENCES webhook ON DELETE CASCADE,
     secret text NOT NULL,
     rotated boolean NOT NULL,
     created_at timestamptz NOT NULL DEFAULT now(),
     expires_at timestamptz
   )`,
  // At most one that signs for good.
  `CREATE UNIQUE INDEX webhook_secret_current ON webhook_secret (webhook_id) WHERE expires_at IS NULL`,
  `CREATE INDEX webhook_secret_of ON webhook_secret (webhook_id)`,

  // No foreign key: the record of what was sent outlives a deleted webhook. The notice of a disabled endpoint is of no job.
  `ALTER TABLE delivery ADD webhook_id uuid,
     ALTER job_id DROP NOT NULL,
     DROP CONSTRAINT delivery_event_check,
     ADD CONSTRAINT delivery_event_check
       CHECK (event IN ('success', 'error', 'created', 'started', 'cancelled', 'endpoint.disabled')),
     ADD CONSTRAINT delivery_of_something CHECK (job_id IS NOT NULL OR webhook_id IS NOT NULL)`,
  `CREATE INDEX delivery_of_webhook ON delivery (webhook_id, created_at DESC, id DESC) WHERE webhook_id IS NOT NULL`,
  // What is cancelled with its webhook, however long the webhook's history is.
  `CREATE INDEX delivery_open_of_webhook ON delivery (webhook_id)
     WHERE webhook_id IS NOT NULL AND state IN ('pending', 'delivering')`,

  // Set with the disablement, in its transaction; cleared in the one that opens the notices about it.
  `ALTER TABLE endpoint ADD disabled_untold boolean NOT NULL DEFAULT false`,
  `CREATE INDEX endpoint_untold ON endpoint (id) WHERE disabled_untold`,
] as const;
