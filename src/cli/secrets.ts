// `ringback secrets`: what signs the callbacks of the account, and a new one in its place.
import { Command, InvalidArgumentError } from 'commander';
import type { SigningSecret } from '../client/client.ts';
import { type Columns, tableOf } from './list.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';

const LISTED: Columns<SigningSecret> = {
  SECRET: ({ secret, public_key }) => secret ?? public_key,
  SOURCE: ({ source }) => source,
  CREATED: ({ created_at }) => created_at,
  'SIGNS UNTIL': ({ expires_at }) => expires_at,
};
const listed = (secrets: readonly SigningSecret[]) => tableOf(secrets, LISTED);

export function secretsCommand(): Command {
  const list = addServerFlags(new Command('list').description('all that sign at this moment')).action(
    async (flags: ServerFlags) => print(flags, await clientOf(flags).signingSecrets.list(), listed),
  );
  const rotate = addServerFlags(
    new Command('rotate').description('make a new one; those before sign along for a while'),
  )
    .option('--overlap <seconds>', 'how long those before sign along (default: a day)', overlap)
    .action(async ({ overlap, ...flags }: ServerFlags & { overlap?: number }) => {
      const rotation = overlap === undefined ? {} : { overlap_seconds: overlap };
      print(flags, await clientOf(flags).signingSecrets.rotate(rotation), listed);
    });
  return new Command('secrets')
    .description('see and rotate what signs the callbacks of a running server')
    .addCommand(list)
    .addCommand(rotate);
}

export function overlap(given: string): number {
  const seconds = Number(given);
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 604_800)
    throw new InvalidArgumentError('give whole seconds, from 0 to 604800 (a week)');
  return seconds;
}
