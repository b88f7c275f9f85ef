// Each endpoint's health, and its attempts by the hour.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // `breaker` belongs to the lease's holder, `disabled_at` to whoever disables or enables: neither overwrites the other.
  `ALTER TABLE endpoint
     ADD breaker text NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed', 'open', 'half_open')),
     ADD failures integer NOT NULL DEFAULT 0,
     ADD failing_since timestamptz,
     ADD gone integer NOT NULL DEFAULT 0,
     ADD trips integer NOT NULL DEFAULT 0,
     ADD open_until timestamptz,
     ADD ramp_from timestamptz,
     ADD disabled_at timestamptz,
     ADD disabled_reason text,
     ADD CONSTRAINT endpoint_open_has_end CHECK (breaker <> 'open' OR open_until IS NOT NULL),
     ADD CONSTRAINT endpoint_disabled_has_reason CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
     ADD CONSTRAINT endpoint_disabled_rests CHECK (disabled_at IS NULL OR leased_until IS NOT NULL OR next_due IS NULL)`,

  `CREATE TABLE endpoint_hour (
     endpoint_id uuid NOT NULL REFERENCES endpoint ON DELETE CASCADE,
     hour timestamptz NOT NULL,
     succeeded bigint NOT NULL,
     failed bigint NOT NULL,
     PRIMARY KEY (endpoint_id, hour)
   )`,
] as const;
