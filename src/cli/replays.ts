// `ringback replays`: those that were made, how far they are, and stopping one. Making one is `ringback callbacks replay`.
import { Command } from 'commander';
import type { Replay } from '../client/client.ts';
import { addListFlags, type Columns, type ListFlags, printList } from './list.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';
import { idOf } from './short-id.ts';

const LISTED: Columns<Replay> = {
  ID: ({ id }) => id,
  STATE: ({ state }) => state,
  MATCHED: ({ matched }) => matched,
  RESENT: ({ resent }) => resent,
  CREATED: ({ created_at }) => created_at,
  FILTER: ({ filter }) => JSON.stringify(filter),
};

export function replaysCommand(): Command {
  const list = addListFlags(new Command('list').description('the newest first')).action(
    async (flags: ListFlags) => {
      const { replays } = clientOf(flags);
      await printList(flags, () => replays.list(), LISTED);
    },
  );
  const one = (name: 'get' | 'cancel', command: Command) =>
    addServerFlags(command)
      .argument('<id>', 'as listed, or its beginning')
      .action(async (given: string, flags: ServerFlags) => {
        const client = clientOf(flags);
        print(flags, await client.replays[name](await idOf(client, 'replay', given)), told);
      });
  return new Command('replays')
    .description('see and stop the replays of a running server')
    .addCommand(list)
    .addCommand(one('get', new Command('show').description('how far it is')))
    .addCommand(one('cancel', new Command('cancel').description('send nothing more of it')));
}

export function told({ id, state, matched, resent, skipped }: Replay): string {
  return `replay ${id} ${state}: ${matched} matched, ${resent} resent, skipped ${skipped.in_flight} in flight and ${skipped.body_gone} without a body`;
}
