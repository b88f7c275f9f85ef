// `ringback audit`: who made and revoked keys, and who rotated the signing secret.
import { Command } from 'commander';
import type { AuditEntry } from '../client/client.ts';
import { type Columns, tableOf } from './list.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';

const LISTED: Columns<AuditEntry> = {
  WHEN: ({ at }) => at,
  WHAT: ({ action }) => action,
  KEY: ({ key }) => key?.name,
  BY: ({ by }) => (by ? `${by.name} (${by.prefix}…)` : "on the server's machine"),
};

export function auditCommand(): Command {
  return addServerFlags(
    new Command('audit').description(
      'who made and revoked keys, and rotated the signing secret: the last 200',
    ),
  ).action(async (flags: ServerFlags) =>
    print(flags, await clientOf(flags).audit(), (entries) => tableOf(entries, LISTED)),
  );
}
