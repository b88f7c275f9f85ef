// Endpoints go: by their owner, or because nothing was sent to them for the retention's time. What was sent there stays on
// record.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // Removed by its owner: seen by nobody any more, and held as if disabled until what is being sent there has ended. Marked
  // and not deleted at once, because that asks for a lock that waits for every transaction which opens a delivery there; at
  // 1,000 results a second there always is one.
  `ALTER TABLE endpoint ADD removed_at timestamptz,
     ADD CONSTRAINT endpoint_removed_rests CHECK (removed_at IS NULL OR disabled_at IS NOT NULL)`,
  `CREATE INDEX endpoint_removed ON endpoint (removed_at) WHERE removed_at IS NOT NULL`,

  // A later callback to the same URL makes a new one.
  `ALTER TABLE endpoint DROP CONSTRAINT endpoint_account_id_url_key`,
  `CREATE UNIQUE INDEX endpoint_of_account ON endpoint (account_id, url) WHERE removed_at IS NULL`,

  // Its deliveries keep its id, as a record. A foreign key would read the whole table for each endpoint that goes, or cost
  // every delivery another index; what it guarded is guarded by the lock that markDue takes.
  `ALTER TABLE delivery DROP CONSTRAINT delivery_endpoint_id_fkey`,

  // What retention walks along: endpoints by age, and those that have taken nothing since.
  `CREATE INDEX endpoint_age ON endpoint (created_at, id)`,
  `CREATE INDEX endpoint_out ON endpoint (least(disabled_at, failing_since), id)
     WHERE disabled_at IS NOT NULL OR failing_since IS NOT NULL`,

  // Of a delivery that was sent again to another URL: where its attempts before went. Null: where the delivery goes.
  `ALTER TABLE attempt ADD url text`,

  // The lock keeps retention from removing a host that a new endpoint has just found; one that went meanwhile is made anew.
  `CREATE OR REPLACE FUNCTION endpoint_finds_host() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     LOOP
       SELECT id INTO NEW.host_id FROM host WHERE account_id = NEW.account_id AND origin = origin_of(NEW.url) FOR KEY SHARE;
       EXIT WHEN NEW.host_id IS NOT NULL;
       INSERT INTO host (account_id, origin) VALUES (NEW.account_id, origin_of(NEW.url)) ON CONFLICT DO NOTHING;
     END LOOP;
     RETURN NEW;
   END $$`,
] as const;
