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
import { positive } from './numbers.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';
import { printable, table } from './table.ts';

type ListFlags = {
  sort?: EndpointSort;
  state?: EndpointState[];
  health?: EndpointHealthWord[];
  search?: string;
  limit?: number;
};

function listCommand(): Command {
  return addServerFlags(new Command('list').description('with their health, by URL unless asked otherwise'))
    .addOption(new Option('--sort <name>', 'order').choices([...ENDPOINT_SORTS]))
    .addOption(new Option('--health <names...>', 'only these').choices([...ENDPOINT_HEALTHS]))
    .addOption(
      new Option('--state <names...>', 'only those whose breaker says so').choices([...ENDPOINT_STATES]),
    )
    .option('--search <text>', 'only those with it in their URL')
    .option('--limit <N>', 'how many at most (default: all)', positive)
    .action(async ({ sort, state, health, search, limit, ...flags }: ListFlags & ServerFlags) => {
      const query = {
        ...(sort && { sort }),
        ...(state && { state }),
        ...(health && { health }),
        ...(search && { search }),
        limit: Math.min(limit ?? LARGEST_PAGE, LARGEST_PAGE),
      };
      const found: Endpoint[] = [];
      for await (const endpoint of clientOf(flags).endpoints.list(query)) {
        found.push(endpoint);
        if (found.length === limit) break;
      }
      print(flags, found, listed);
    });
}

const LARGEST_PAGE = 1_000;

export function endpointsCommand(): Command {
  const change = (name: 'enable' | 'disable', description: string) =>
    addServerFlags(new Command(name).description(description))
      .argument('<id>', 'as listed')
      .action(async (id: string, flags: ServerFlags) =>
        print(flags, await clientOf(flags).endpoints[name](id), (endpoint) => listed([endpoint])),
      );
  const remove = addServerFlags(
    new Command('remove').description(
      'cancel what waits there and forget it; a later callback to the same URL makes a new one',
    ),
  )
    .argument('<id>', 'as listed')
    .action(async (id: string, flags: ServerFlags) =>
      print(
        flags,
        await clientOf(flags).endpoints.remove(id),
        ({ url, cancelled, in_flight }) =>
          `removed ${printable(url)}: ${cancelled} waiting callbacks cancelled, ${in_flight} being sent at this moment are their last attempts`,
      ),
    );
  return new Command('endpoints')
    .description('see, disable, enable and remove the endpoints of a running server')
    .addCommand(listCommand())
    .addCommand(change('enable', 'send there again, slowly at first'))
    .addCommand(change('disable', 'send nothing there: what is due waits'))
    .addCommand(remove);
}

function listed(endpoints: readonly Endpoint[]): string {
  return table(
    ['ID', 'HEALTH', 'STATE', 'UNDELIVERED', 'FAILURES', 'OK 24H', 'URL', 'REASON'],
    endpoints.map((one) => [
      one.id,
      one.health,
      one.state,
      one.undelivered,
      one.failures_in_a_row,
      one.success_rate_24h === null ? null : `${Math.floor(one.success_rate_24h * 100)} %`,
      one.url,
      one.disabled_reason,
    ]),
  );
}
