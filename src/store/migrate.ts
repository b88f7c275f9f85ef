// Brings the schema to this version, in order, once, whoever starts first. A database that a newer Ringback has
// migrated is refused: an older program must not write rows whose rules it does not know.
import { sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { type Db, SCHEMA } from './database.ts';
import * as foundation from './migrations/0001_foundation.ts';
import * as endpointHealth from './migrations/0002_endpoint_health.ts';
import * as replay from './migrations/0003_replay.ts';
import * as idempotency from './migrations/0004_idempotency.ts';
import * as compression from './migrations/0005_compression.ts';
import * as signingSecret from './migrations/0006_signing_secret.ts';
import * as narrowDelivery from './migrations/0007_narrow_delivery.ts';
import * as retention from './migrations/0008_retention.ts';
import * as jobList from './migrations/0009_job_list.ts';
import * as figures from './migrations/0010_figures.ts';
import * as turns from './migrations/0011_turns.ts';
import * as host from './migrations/0012_host.ts';
import * as retentionOrder from './migrations/0013_retention_order.ts';
import * as accountSecret from './migrations/0014_account_secret.ts';
import * as shortage from './migrations/0015_shortage.ts';
import * as cancel from './migrations/0016_cancel.ts';
import * as endpointRemoval from './migrations/0017_endpoint_removal.ts';
import * as inbox from './migrations/0018_inbox.ts';
import * as callbackHeaders from './migrations/0019_callback_headers.ts';
import * as webhook from './migrations/0020_webhook.ts';
import * as audit from './migrations/0021_audit.ts';
import * as telemetry from './migrations/0022_telemetry.ts';

const MIGRATIONS: Record<string, Migration> = {
  '0001_foundation': foundation,
  '0002_endpoint_health': endpointHealth,
  '0003_replay': replay,
  '0004_idempotency': idempotency,
  '0005_compression': compression,
  '0006_signing_secret': signingSecret,
  '0007_narrow_delivery': narrowDelivery,
  '0008_retention': retention,
  '0009_job_list': jobList,
  '0010_figures': figures,
  '0011_turns': turns,
  '0012_host': host,
  '0013_retention_order': retentionOrder,
  '0014_account_secret': accountSecret,
  '0015_shortage': shortage,
  '0016_cancel': cancel,
  '0017_endpoint_removal': endpointRemoval,
  '0018_inbox': inbox,
  '0019_callback_headers': callbackHeaders,
  '0020_webhook': webhook,
  '0021_audit': audit,
  '0022_telemetry': telemetry,
};

/** Throws when the schema is newer than this program, or when a migration fails. */
export async function migrate(db: Db): Promise<void> {
  await createSchema(db);
  await refuseNewer(db);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => MIGRATIONS },
    migrationTableSchema: SCHEMA,
  });
  const { error } = await migrator.migrateToLatest();
  if (error) throw new Error('The database schema could not be brought up to date', { cause: error });
}

async function createSchema(db: Db): Promise<void> {
  // Two processes that start at once may both find no schema: IF NOT EXISTS alone can then fail on the unique index.
  await db.transaction().execute(async (trx) => {
    await sql`SELECT pg_advisory_xact_lock(hashtext(${SCHEMA}))`.execute(trx);
    await sql`CREATE SCHEMA IF NOT EXISTS ${sql.id(SCHEMA)}`.execute(trx);
  });
}

async function refuseNewer(db: Db): Promise<void> {
  const { rows } = await sql<{ found: string | null }>`
    SELECT to_regclass(${`${SCHEMA}.kysely_migration`})::text AS found`.execute(db);
  if (rows[0]?.found == null) return;
  const done = await sql<{ name: string }>`SELECT name FROM ${sql.id(SCHEMA, 'kysely_migration')}`.execute(
    db,
  );
  const unknown = done.rows.map((row) => row.name).filter((name) => !(name in MIGRATIONS));
  if (unknown.length > 0)
    throw new Error(
      `The database was migrated by a newer Ringback (${unknown.join(', ')}): start that version, or restore a backup`,
    );
}
