// The database itself, for the commands that work without a server, and beside one: that of DATABASE_URL, or the embedded
// one of the data folder, joined where a running server has it.
import type { Command } from 'commander';
import { createLog } from '../log.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { startOrJoinEmbedded } from '../store/embedded-join.ts';
import { migrate } from '../store/migrate.ts';
import { settingsOf } from './options.ts';

/** The settings that `withDatabase` reads. */
export const DATABASE_SETTINGS = ['dataDirectory', 'databaseUrl', 'logLevel'] as const;

export async function withDatabase(
  command: Command,
  work: (database: Database) => Promise<void>,
): Promise<void> {
  const settings = settingsOf(command, { RINGBACK_LOG_LEVEL: 'silent' });
  const log = createLog(settings.logLevel);
  const embedded =
    settings.databaseUrl === null
      ? await startOrJoinEmbedded({
          dataDirectory: settings.dataDirectory,
          log: (message, fields) => log.info(fields, message),
        })
      : null;
  try {
    const database = openDatabase({
      connectionString: settings.databaseUrl ?? embedded?.connectionString ?? '',
      size: 2,
      onError: (error) => log.warn({ err: error }, 'database'),
      // It may be the first to migrate.
      statementMs: null,
    });
    try {
      // The running server has done it, and may be of an earlier version that must not find its tables changed.
      if (!embedded?.running) await migrate(database.db);
      await work(database);
    } finally {
      await database.close();
    }
  } finally {
    await embedded?.stop();
  }
}
