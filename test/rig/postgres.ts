// One real PostgreSQL for the whole test run; every test file makes itself a fresh database in it.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { startEmbedded } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgres: string;
  }
}

const INSUFFICIENT_PRIVILEGE = '42501';

/** Vitest's global set-up. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-test-'));
  const postgres = await startEmbedded({ dataDirectory: folder, log: () => {} });
  project.provide('postgres', postgres.connectionString);
  return async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  };
}

async function administer(statement: string): Promise<void> {
  const client = new Client({ connectionString: inject('postgres') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A new, empty database; `drop` when the test is over. */
export async function freshDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(`CREATE DATABASE ${name}`);
  const url = new URL(inject('postgres'));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => drop(name) };
}

// An autovacuum worker that happens to be in the database belongs to the superuser, so FORCE is refused to our role
// (42501, seen in CI) for as long as it works there: a moment in a database of a test's size.
async function drop(name: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== INSUFFICIENT_PRIVILEGE || tries === 100)
        throw error;
      await setTimeout(100);
    }
  }
}

/** A new database with Ringback's tables. */
export async function migratedDatabase(): Promise<Database & { url: string; drop: () => Promise<void> }> {
  const { url, drop } = await freshDatabase();
  const database = openDatabase({ connectionString: url, size: 5, onError: () => {} });
  await migrate(database.db);
  return {
    ...database,
    url,
    drop: async () => {
      await database.close();
      await drop();
    },
  };
}
