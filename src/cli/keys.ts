// `ringback keys`: create, list, revoke. Works on the database itself, since the first key is made before any exists.
import { Command, Option } from 'commander';
import { type AccountRow, listAccounts } from '../store/accounts.ts';
import type { Db } from '../store/database.ts';
import { createKey, listKeys, revokeKey } from '../store/keys.ts';
import { DATABASE_SETTINGS, withDatabase } from './database.ts';
import { addSettingFlags } from './options.ts';
import { isWholeId } from './short-id.ts';
import { table } from './table.ts';
import { printable } from './terminal.ts';

type CreateFlags = { account?: string; newAccount?: string };

export function keysCommand(): Command {
  return new Command('keys')
    .description('manage API keys and accounts, on the database itself: whether a server runs or not')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(accountsCommand())
    .addCommand(revokeCommand());
}

function createCommand(): Command {
  const create = new Command('create')
    .description('make a key, shown this once: of the one account there is, or of the account that is named')
    .argument('<name>', 'what it is for')
    .addOption(
      new Option('--account <id or name>', 'of this account ("ringback keys accounts" shows them)').conflicts(
        'newAccount',
      ),
    )
    .option('--new-account <name>', 'of a new account, which sees nothing of the others');
  return addSettingFlags(create, DATABASE_SETTINGS).action((name: string, flags: CreateFlags) =>
    withDatabase(create, async ({ db }) => {
      const account = flags.newAccount === undefined ? await accountFor(db, flags.account) : null;
      const made = await createKey(db, name, account ?? { name: flags.newAccount ?? name });
      process.stdout.write(`${made.key}\n`);
      const whose = account
        ? `account ${printable(account.name)} (${account.id})`
        : `the new account ${printable(flags.newAccount ?? name)} (${made.accountId}), which holds nothing yet`;
      process.stderr.write(
        `shown this once: key ${made.id} of ${whose}; what signs its callbacks: GET /api/signing-secrets\n`,
      );
    }),
  );
}

/** The one that was asked for, or the only one; null when there is none yet. Throws when that is not one account. */
async function accountFor(db: Db, wanted: string | undefined): Promise<AccountRow | null> {
  const accounts = await listAccounts(db);
  if (wanted === undefined) {
    if (accounts.length > 1)
      throw unclear(
        `there are ${accounts.length} accounts: say whose the key is with --account, or make another with --new-account NAME`,
        accounts,
      );
    return accounts[0] ?? null;
  }
  const found = accounts.filter(({ id, name }) => name === wanted || id.startsWith(wanted.toLowerCase()));
  const [only] = found;
  if (!only) throw unclear(`there is no account ${printable(wanted)}`, accounts);
  if (found.length > 1)
    throw unclear(`${found.length} accounts fit ${printable(wanted)}: give the id`, found);
  return only;
}

function unclear(sentence: string, accounts: readonly AccountRow[]): Error {
  return Object.assign(new Error(`${sentence}\n\n${shownAccounts(accounts)}`), { code: 'account_unclear' });
}

const shownAccounts = (accounts: readonly AccountRow[]) =>
  table(
    ['ACCOUNT', 'NAME', 'KEYS', 'MADE'],
    accounts.map((one) => [one.id, one.name, one.active_keys, one.created_at.toISOString()]),
  );

function accountsCommand(): Command {
  const accounts = new Command('accounts').description(
    'show accounts, with the number of their keys in force',
  );
  return addSettingFlags(accounts, DATABASE_SETTINGS).action(() =>
    withDatabase(accounts, async ({ db }) => {
      process.stdout.write(`${shownAccounts(await listAccounts(db))}\n`);
    }),
  );
}

function listCommand(): Command {
  const list = new Command('list').description('show keys, without their secret part');
  return addSettingFlags(list, DATABASE_SETTINGS).action(() =>
    withDatabase(list, async ({ db }) => {
      const rows = (await listKeys(db)).map((key) => [
        key.id,
        `${key.prefix}…`,
        key.revoked_at ? 'revoked' : 'active',
        key.last_used_at?.toISOString() ?? 'never',
        key.name,
        key.account,
      ]);
      process.stdout.write(`${table(['ID', 'KEY', 'STATE', 'LAST USED', 'NAME', 'ACCOUNT'], rows)}\n`);
    }),
  );
}

function revokeCommand(): Command {
  const revoke = new Command('revoke').description('refuse a key from now on').argument('<id>', 'as listed');
  return addSettingFlags(revoke, DATABASE_SETTINGS).action((id: string) =>
    withDatabase(revoke, async ({ db }) => {
      const known = isWholeId(id) && (await revokeKey(db, id));
      if (!known)
        throw Object.assign(new Error(`there is no active key ${id}: "ringback keys list" shows them`), {
          code: 'key_unknown',
        });
      process.stdout.write('revoked\n');
    }),
  );
}
