// `ringback inboxes`: receivers of the server itself, and what came to them.
import { Command } from 'commander';
import type { Client, Inbox, InboxRequest } from '../client/client.ts';
import { addListFlags, type Columns, type ListFlags, printList } from './list.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';
import { fieldsOf } from './table.ts';
import { printable } from './terminal.ts';

const LISTED: Columns<Inbox> = {
  ID: ({ id }) => id,
  NAME: ({ name }) => name,
  REQUESTS: ({ requests }) => requests,
  'LAST REQUEST': ({ last_request_at }) => last_request_at,
  ADDRESS: ({ address }) => address,
};

const REQUESTS: Columns<InboxRequest> = {
  NUMBER: ({ number }) => number,
  RECEIVED: ({ received_at }) => received_at,
  METHOD: ({ method }) => method,
  BYTES: ({ bytes }) => bytes,
  'WEBHOOK-ID': ({ headers }) => headers.find(([name]) => name?.toLowerCase() === 'webhook-id')?.[1],
};

export function inboxesCommand(): Command {
  const list = addListFlags(new Command('list').description('the newest first')).action(
    async (flags: ListFlags) => {
      const { inboxes } = clientOf(flags);
      await printList(flags, (page) => inboxes.list(page), LISTED);
    },
  );
  const create = addServerFlags(new Command('create').description('make one, and print its address'))
    .argument('<name>', 'what it is for')
    .action(async (name: string, flags: ServerFlags) =>
      print(flags, await clientOf(flags).inboxes.create({ name }), ({ address }) => address),
    );
  const show = addServerFlags(new Command('show').description('one: its address, and how it answers'))
    .argument('<name>', 'its name or id')
    .action(async (name: string, flags: ServerFlags) =>
      print(flags, await named(clientOf(flags), name), fieldsOf),
    );
  const requests = addListFlags(new Command('requests').description('what came to one, the newest first'))
    .argument('<name>', 'its name or id')
    .action(async (name: string, flags: ListFlags) => {
      const client = clientOf(flags);
      const { id } = await named(client, name);
      await printList(flags, (page) => client.inboxes.requests(id, page), REQUESTS);
    });
  const remove = addServerFlags(new Command('remove').description('with all that came to it'))
    .argument('<name>', 'its name or id')
    .action(async (name: string, flags: ServerFlags) => {
      const client = clientOf(flags);
      const inbox = await named(client, name);
      await client.inboxes.delete(inbox.id);
      print(flags, inbox, () => `removed ${printable(inbox.name)}`);
    });
  return new Command('inboxes')
    .description('see, make and remove the inboxes of a running server, and what came to them')
    .addCommand(list)
    .addCommand(create)
    .addCommand(show)
    .addCommand(requests)
    .addCommand(remove);
}

/** A name is whole, an id may be its beginning. */
async function named(client: Client, given: string): Promise<Inbox> {
  const like: Inbox[] = [];
  for await (const inbox of client.inboxes.list()) {
    if (inbox.name === given || inbox.id === given) return inbox;
    if (given.length >= 4 && inbox.id.startsWith(given.toLowerCase())) like.push(inbox);
  }
  const [only] = like;
  if (only && like.length === 1) return only;
  throw Object.assign(
    new Error(
      `${only ? 'several inboxes have an id that begins with' : 'there is no inbox'} ${printable(given)}: "ringback inboxes list" shows them`,
    ),
    { code: 'inbox_unknown' },
  );
}
