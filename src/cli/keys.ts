// `ringback keys`: create, list, revoke. Works on the database itself, since the first key is made before any exists.
import { Command } from 'commander';
import { createLog } from '../log.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { startEmbedded } from '../store/embedded.ts';
import { createKey, listKeys, revokeKey } from '../store/keys.ts';
import { migrate } from '../store/migrate.ts';
import { addSettingFlags, settingsOf } from './options.ts';

const NEEDED = ['dataDirectory', 'databaseUrl', 'logLevel'] as const;

export function keysCommand(): Command {
  const keys = new Command('keys').description(
    'manage API keys (with the embedded database: while the server is stopped)',
  );
  const create = new Command('create')
    .description('make a key, shown this once')
    .argument('<name>', 'what it is for');
  create.option('--account <id>', 'another key for this account; without it, a new account');
  addSettingFlags(create, NEEDED).action((name: string, options: { account?: string }) =>
    withDatabase(create, async ({ db }) => {
      const made = await createKey(db, name, options.account);
      process.stdout.write(`${made.key}\n`);
      process.stderr.write(
        `key ${made.id} of account ${made.accountId}, shown this once; what signs its callbacks: GET /api/signing-secrets\n`,
      );
    }),
  );

  const list = new Command('list').description('show keys, without their secret part');
  addSettingFlags(list, NEEDED).action(() =>
    withDatabase(list, async ({ db }) => {
      for (const key of await listKeys(db))
        process.stdout.write(
          `${[
            key.id,
            `${key.prefix}…`,
            key.revoked_at ? 'revoked' : 'active',
            `last used ${key.last_used_at?.toISOString() ?? 'never'}`,
            key.name,
          ].join('  ')}\n`,
        );
    }),
  );

  const revoke = new Command('revoke').description('refuse a key from now on').argument('<id>', 'as listed');
  addSettingFlags(revoke, NEEDED).action((id: string) =>
    withDatabase(revoke, async ({ db }) => {
      const known = /^[0-9a-f-]{36}$/i.test(id) && (await revokeKey(db, id));
      if (!known)
        throw Object.assign(new Error(`there is no active key ${id}: "ringback keys list" shows them`), {
          code: 'key_unknown',
        });
      process.stdout.write('revoked\n');
    }),
  );
  return keys.addCommand(create).addCommand(list).addCommand(revoke);
}

async function withDatabase(command: Command, work: (database: Database) => Promise<void>): Promise<void> {
  const settings = settingsOf(command, { RINGBACK_LOG_LEVEL: 'silent' });
  const log = createLog(settings.logLevel);
  const postgres =
    settings.databaseUrl === null
      ? await startEmbedded({
          dataDirectory: settings.dataDirectory,
          log: (message, fields) => log.info(fields, message),
        })
      : undefined;
  try {
    const database = openDatabase({
      connectionString: settings.databaseUrl ?? postgres?.connectionString ?? '',
      size: 2,
      onError: (error) => log.warn({ err: error }, 'database'),
      // It may be the first to migrate.
      statementMs: null,
    });
    try {
      await migrate(database.db);
      await work(database);
    } finally {
      await database.close();
    }
  } finally {
    await postgres?.stop();
  }
}
