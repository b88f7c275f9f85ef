// `ringback endpoints`: how they are, disabling, enabling and removing. A client of the public API.
import { Command, Option } from 'commander';
import type { Endpoint } from '../client/client.ts';
import {
  ENDPOINT_HEALTHS,
  ENDPOINT_SORTS,
  ENDPOINT_STATES,
  type EndpointHealthWord,
  type EndpointSort,
  type EndpointState,
} from '../delivery.ts';
import { addListFlags, type Columns, type ListFlags, printList, tableOf } from './list.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';
import { idOf } from './short-id.ts';
import { fieldsOf } from './table.ts';
import { printable } from './terminal.ts';

type Narrowed = {
  sort?: EndpointSort;
  state?: EndpointState[];
  health?: EndpointHealthWord[];
  search?: string;
};

function listCommand(): Command {
  const command = new Command('list')
    .description('with their health, by URL unless asked otherwise')
    .addOption(new Option('--sort <name>', 'order').choices([...ENDPOINT_SORTS]))
    .addOption(new Option('--health <names...>', 'only these').choices([...ENDPOINT_HEALTHS]))
    .addOption(
      new Option('--state <names...>', 'only those whose breaker says so').choices([...ENDPOINT_STATES]),
    )
    .option('--search <text>', 'only those with it in their URL');
  return addListFlags(command).action(async (flags: Narrowed & ListFlags) => {
    const { sort, state, health, search } = flags;
    const client = clientOf(flags);
    const query = {
      ...(sort && { sort }),
      ...(state && { state }),
      ...(health && { health }),
      ...(search && { search }),
    };
    await printList(flags, (page) => client.endpoints.list({ ...query, ...page }), LISTED);
  });
}

function showCommand(): Command {
  return addServerFlags(new Command('show').description('one, with all that is known of it'))
    .argument('<id>', 'as listed, or its beginning')
    .action(async (given: string, flags: ServerFlags) => {
      const client = clientOf(flags);
      print(flags, await client.endpoints.get(await idOf(client, 'endpoint', given)), fieldsOf);
    });
}

export function endpointsCommand(): Command {
  const change = (name: 'enable' | 'disable', description: string) =>
    addServerFlags(new Command(name).description(description))
      .argument('<id>', 'as listed, or its beginning')
      .action(async (given: string, flags: ServerFlags) => {
        const client = clientOf(flags);
        const id = await idOf(client, 'endpoint', given);
        print(flags, await client.endpoints[name](id), (endpoint) => tableOf([endpoint], LISTED));
      });
  const remove = addServerFlags(
    new Command('remove').description(
      'cancel what waits there and forget it; a later callback to the same URL makes a new one',
    ),
  )
    .argument('<id>', 'as listed, or its beginning')
    .action(async (given: string, flags: ServerFlags) => {
      const client = clientOf(flags);
      print(
        flags,
        await client.endpoints.remove(await idOf(client, 'endpoint', given)),
        ({ url, cancelled, in_flight }) =>
          `removed ${printable(url)}: ${cancelled} waiting callbacks cancelled, ${in_flight} being sent at this moment are their last attempts`,
      );
    });
  return new Command('endpoints')
    .description('see, disable, enable and remove the endpoints of a running server')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(change('enable', 'send there again, slowly at first'))
    .addCommand(change('disable', 'send nothing there: what is due waits'))
    .addCommand(remove);
}

const LISTED: Columns<Endpoint> = {
  ID: ({ id }) => id,
  HEALTH: ({ health }) => health,
  STATE: ({ state }) => state,
  UNDELIVERED: ({ undelivered }) => undelivered,
  FAILURES: ({ failures_in_a_row }) => failures_in_a_row,
  'OK 24H': ({ success_rate_24h: rate }) => (rate === null ? null : `${Math.floor(rate * 100)} %`),
  URL: ({ url }) => url,
  REASON: ({ disabled_reason }) => disabled_reason,
};
