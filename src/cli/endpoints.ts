// `ringback endpoints`: how they are, disabling and enabling. A client of the public API.
import { Command } from 'commander';
import type { Endpoint } from '../client/client.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';
import { table } from './table.ts';

export function endpointsCommand(): Command {
  const list = addServerFlags(new Command('list').description('all of them, by URL')).action(
    async (flags: ServerFlags) => print(flags, await clientOf(flags).endpoints.list(), listed),
  );
  const change = (name: 'enable' | 'disable', description: string) =>
    addServerFlags(new Command(name).description(description))
      .argument('<id>', 'as listed')
      .action(async (id: string, flags: ServerFlags) =>
        print(flags, await clientOf(flags).endpoints[name](id), (endpoint) => listed([endpoint])),
      );
  return new Command('endpoints')
    .description('see, disable and enable the endpoints of a running server')
    .addCommand(list)
    .addCommand(change('enable', 'send there again, slowly at first'))
    .addCommand(change('disable', 'send nothing there: what is due waits'));
}

function listed(endpoints: readonly Endpoint[]): string {
  return table(
    ['ID', 'STATE', 'UNDELIVERED', 'FAILURES', 'OK 24H', 'URL', 'REASON'],
    endpoints.map((one) => [
      one.id,
      one.state,
      one.undelivered,
      one.failures_in_a_row,
      one.success_rate_24h === null ? null : `${Math.floor(one.success_rate_24h * 100)} %`,
      one.url,
      one.disabled_reason,
    ]),
  );
}
