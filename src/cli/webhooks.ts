// `ringback webhooks`: standing subscriptions of the account. A client of the public API.
import { Command, Option } from 'commander';
import type { Client, NewWebhook, Webhook } from '../client/client.ts';
import { CALLBACK_FORMATS, type CallbackFormat } from '../delivery.ts';
import { WEBHOOK_EVENTS, WEBHOOK_PAYLOADS, type WebhookEvent, type WebhookPayload } from '../webhook.ts';
import { addListFlags, type Columns, type ListFlags, printList, tableOf } from './list.ts';
import { pair } from './pair.ts';
import { overlap } from './secrets.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';
import { idOf } from './short-id.ts';
import { fieldsOf } from './table.ts';
import { printable } from './terminal.ts';

type NewFlags = ServerFlags & {
  events: WebhookEvent[];
  header?: Record<string, string>;
  metadata?: Record<string, string>;
  description?: string;
  payload?: WebhookPayload;
  format?: CallbackFormat;
  paused?: true;
};

const ENDS: WebhookEvent[] = ['transcription.success', 'transcription.error'];

function createCommand(): Command {
  return addServerFlags(new Command('create').description('make one, and print its secret, shown this once'))
    .argument('<url>', 'where to')
    .addOption(
      new Option('--events <names...>', 'what it hears of').choices([...WEBHOOK_EVENTS]).default(ENDS),
    )
    .option('--header <name=value...>', 'sent with every request; secret', pair)
    .option('--metadata <key=value...>', 'only transcriptions whose custom_metadata contains this', pair)
    .option('--description <text>', 'what it is for')
    .addOption(new Option('--payload <form>', 'of the body').choices([...WEBHOOK_PAYLOADS]))
    .addOption(new Option('--format <name>', 'of a full body').choices([...CALLBACK_FORMATS]))
    .option('--paused', 'it hears of nothing before it is resumed')
    .action(async (url: string, flags: NewFlags) =>
      print(flags, await clientOf(flags).webhooks.create(newWebhook(url, flags)), ({ id, secret }) =>
        [`webhook  ${id}`, `secret   ${secret}`, '         shown this once: it verifies what is sent'].join(
          '\n',
        ),
      ),
    );
}

function newWebhook(
  url: string,
  { events, header, metadata, description, payload, format, paused }: NewFlags,
): NewWebhook {
  return {
    url,
    events,
    ...(header && { headers: header }),
    ...(metadata && { metadata }),
    ...(description !== undefined && { description }),
    ...(payload && { payload }),
    ...(format && { format }),
    ...(paused && { enabled: false }),
  };
}

/** A command that does something with one of them. */
function ofOne<Flags extends ServerFlags>(
  command: Command,
  act: (client: Client, id: string, flags: Flags) => Promise<void>,
): Command {
  return addServerFlags(command)
    .argument('<id>', 'as listed, or its beginning')
    .action(async (given: string, flags: Flags) => {
      const client = clientOf(flags);
      await act(client, await idOf(client, 'webhook', given), flags);
    });
}

const changeCommand = (name: 'pause' | 'resume', description: string) =>
  ofOne(new Command(name).description(description), async (client, id, flags) =>
    print(flags, await client.webhooks[name](id), (webhook) => tableOf([webhook], LISTED)),
  );

const testCommand = () =>
  ofOne<ServerFlags & { event?: WebhookEvent }>(
    new Command('test')
      .description('send it a sample of one of its events')
      .addOption(
        new Option('--event <name>', 'default: the first of its events').choices([...WEBHOOK_EVENTS]),
      ),
    async (client, id, { event, ...flags }) =>
      print(
        flags,
        await client.webhooks.test(id, event ? { event } : {}),
        (delivery) =>
          `on its way as ${delivery.id}: "ringback callbacks show ${delivery.id}" tells what came of it`,
      ),
  );

const rotateCommand = () =>
  ofOne<ServerFlags & { overlap?: number }>(
    new Command('rotate')
      .description('make a new secret, shown this once; those before sign along for a while')
      .option('--overlap <seconds>', 'how long those before sign along (default: a day)', overlap),
    async (client, id, { overlap: seconds, ...flags }) =>
      print(
        flags,
        await client.webhooks.rotate(id, seconds === undefined ? {} : { overlap_seconds: seconds }),
        ({ secret }) => `secret  ${secret}`,
      ),
  );

export function webhooksCommand(): Command {
  const list = addListFlags(new Command('list').description('the newest first')).action(
    async (flags: ListFlags) => {
      const { webhooks } = clientOf(flags);
      await printList(flags, (page) => webhooks.list(page), LISTED);
    },
  );
  const show = ofOne(
    new Command('show').description('one: what it hears of, and where it goes'),
    async (client, id, flags) => print(flags, await client.webhooks.get(id), fieldsOf),
  );
  const remove = ofOne(
    new Command('delete').description('and cancel what waits for it'),
    async (client, id, flags) => {
      const webhook = await client.webhooks.get(id);
      await client.webhooks.delete(id);
      print(flags, webhook, ({ url }) => `deleted the webhook to ${printable(url)}`);
    },
  );
  return new Command('webhooks')
    .description(
      'see, make, pause and test the webhooks of a running server, which hear of every transcription',
    )
    .addCommand(list)
    .addCommand(createCommand())
    .addCommand(show)
    .addCommand(changeCommand('pause', 'what happens meanwhile is not told, then or later'))
    .addCommand(changeCommand('resume', 'hear of what happens from now on'))
    .addCommand(testCommand())
    .addCommand(rotateCommand())
    .addCommand(remove);
}

const LISTED: Columns<Webhook> = {
  ID: ({ id }) => id,
  STATE: ({ enabled }) => (enabled ? 'on' : 'paused'),
  EVENTS: ({ events }) => events.join(','),
  PAYLOAD: ({ payload }) => payload,
  URL: ({ url }) => url,
  DESCRIPTION: ({ description }) => description || null,
};
