// `ringback callbacks`: did they get it, sending again, and cancelling. A client of the public API.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import type {
  Attempt,
  Callback,
  CallbackWithAttempts,
  CancelledCallbacks,
  Client,
  ReplayPreview,
  ReplayRequest,
} from '../client/client.ts';
import { DELIVERY_EVENTS, DELIVERY_STATES, type DeliveryEvent, type DeliveryState } from '../delivery.ts';
import { addListFlags, type Columns, type ListFlags, printList } from './list.ts';
import { positive } from './numbers.ts';
import { told } from './replays.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';
import { idOf } from './short-id.ts';
import { table } from './table.ts';
import { printable, printableText } from './terminal.ts';

type Narrowed = {
  state?: DeliveryState[];
  endpoint?: string;
  transcription?: string;
  event?: DeliveryEvent;
  webhook?: string;
  createdAfter?: string;
  createdBefore?: string;
};

function narrowed(command: Command): Command {
  return command
    .addOption(new Option('--state <names...>', 'only those in one of these').choices([...DELIVERY_STATES]))
    .option('--endpoint <id>', 'only those of this endpoint')
    .option('--transcription <id>', 'only those of this transcription')
    .option('--webhook <id>', 'only those of this webhook')
    .addOption(new Option('--event <name>', 'only those that tell of it').choices([...DELIVERY_EVENTS]))
    .option('--created-after <time>', 'from this instant on, such as 2026-11-22T09:30:00Z')
    .option('--created-before <time>', 'before this instant');
}

/** In the words of the API. */
async function filterOf(
  client: Client,
  { state, endpoint, transcription, webhook, event, createdAfter, createdBefore }: Narrowed,
) {
  return {
    ...(state && { state }),
    ...(endpoint && { endpoint: await idOf(client, 'endpoint', endpoint) }),
    ...(transcription && { transcription_id: await idOf(client, 'transcription', transcription) }),
    ...(webhook && { webhook_id: await idOf(client, 'webhook', webhook) }),
    ...(event && { event }),
    ...(createdAfter && { created_after: createdAfter }),
    ...(createdBefore && { created_before: createdBefore }),
  };
}

export function callbacksCommand(): Command {
  const list = addListFlags(narrowed(new Command('list').description('the newest first'))).action(
    async (flags: Narrowed & ListFlags) => {
      const client = clientOf(flags);
      const filter = await filterOf(client, flags);
      await printList(flags, (page) => client.callbacks.list({ ...filter, ...page }), LISTED);
    },
  );

  const show = addServerFlags(new Command('show').description('one, with every attempt'))
    .argument('<id>', 'as listed, or its beginning; the webhook-id of its requests')
    .action(async (given: string, flags: ServerFlags) => {
      const client = clientOf(flags);
      print(flags, await client.callbacks.get(await idOf(client, 'callback', given)), shown);
    });

  const body = addServerFlags(new Command('body').description('what is sent, byte for byte'))
    .argument('<id>', 'as listed, or its beginning')
    .action(async (given: string, flags: ServerFlags) => {
      const client = clientOf(flags);
      const bytes = await client.callbacks.body(await idOf(client, 'callback', given));
      // A terminal is shown no commands of what a file or a caller wrote.
      if (process.stdout.isTTY) process.stdout.write(`${printableText(await new Response(bytes).text())}\n`);
      else
        await pipeline(Readable.fromWeb(bytes as import('node:stream/web').ReadableStream), process.stdout);
    });

  const resend = addServerFlags(new Command('resend').description('send one again, now'))
    .argument('<id>', 'as listed, or its beginning')
    .option('--to <url>', 'to this URL from now on, instead of where it went before')
    .action(async (given: string, { to, ...flags }: { to?: string } & ServerFlags) => {
      const client = clientOf(flags);
      const id = await idOf(client, 'callback', given);
      print(flags, await client.callbacks.resend(id, { ...(to !== undefined && { url: to }) }), resent);
    });

  return new Command('callbacks')
    .description('see, resend and cancel callbacks of a running server')
    .addCommand(list)
    .addCommand(show)
    .addCommand(body)
    .addCommand(resend)
    .addCommand(cancelCommand())
    .addCommand(replayCommand());
}

function cancelCommand(): Command {
  return addServerFlags(
    narrowed(new Command('cancel').description('send nothing further: of one, or of all that match')),
  )
    .argument('[id]', 'as listed, or its beginning; without it, say which by the options')
    .action(async (given: string | undefined, flags: Narrowed & ServerFlags, command: Command) => {
      const client = clientOf(flags);
      const filter = await filterOf(client, flags);
      if (given === undefined)
        return print(flags, await client.callbacks.cancelMany({ filter }), cancelledMany);
      if (Object.keys(filter).length > 0)
        command.error('error: name one callback by its id, or many by the options, not both');
      print(flags, await client.callbacks.cancel(await idOf(client, 'callback', given)), cancelled);
    });
}

type ReplayFlags = Narrowed & { rate?: number; wait: boolean; dryRun?: true };

function replayCommand(): Command {
  return addServerFlags(narrowed(new Command('replay').description('send many again: all that match')))
    .option('--rate <N>', 'deliveries a second (default: 50)', positive)
    .option('--dry-run', 'say how many would be sent again, and send nothing')
    .option('--no-wait', 'do not wait for its end; Ctrl-C stops the waiting, not the replay')
    .action(async (flags: ReplayFlags & ServerFlags) => {
      const { rate } = flags;
      const client = clientOf(flags);
      const filter = await filterOf(client, flags);
      const request: ReplayRequest = { filter, ...(rate !== undefined && { rate }) };
      if (flags.dryRun) return print(flags, await client.replays.preview(request), foreseen);
      let replay = await client.replays.create(request);
      while (flags.wait && replay.state === 'running') {
        await sleep(500);
        replay = await client.replays.get(replay.id);
      }
      print(flags, replay, told);
    });
}

function foreseen({ resendable, at_least, endpoints, seconds, skipped }: ReplayPreview): string {
  const least = at_least ? 'at least ' : '';
  return `${least}${resendable} would be sent again, to ${endpoints} endpoints, in ${seconds} s; left out: ${skipped.in_flight} in flight and ${skipped.body_gone} without a body`;
}

function resent({ id, url, reason }: Callback): string {
  const waits = reason === null ? '' : `, and waits: ${printable(reason)}`;
  return `due again now, to ${printable(url)}${waits}: "ringback callbacks show ${id}" tells how it went`;
}

function cancelled({ id, state, url }: Callback): string {
  return state === 'cancelled'
    ? `cancelled: nothing is sent to ${printable(url)}`
    : `being sent to ${printable(url)} at this moment; nothing further is begun: "ringback callbacks show ${id}" tells how it ended`;
}

function cancelledMany({ cancelled, in_flight }: CancelledCallbacks): string {
  return `${cancelled} waiting callbacks cancelled, ${in_flight} being sent at this moment are their last attempts`;
}

const LISTED: Columns<Callback> = {
  ID: ({ id }) => id,
  STATE: ({ state }) => state,
  EVENT: ({ event }) => event,
  ATTEMPTS: ({ attempt_count }) => attempt_count,
  CREATED: ({ created_at }) => created_at,
  URL: ({ url }) => url,
  REASON: ({ reason }) => reason,
};

function shown(callback: CallbackWithAttempts): string {
  const { attempts, ...fields } = callback;
  const lines = Object.entries(fields).map(
    ([name, value]) => `${name.padEnd(17)} ${printable(String(value ?? '-'))}`,
  );
  return [
    ...lines,
    '',
    table(
      ['ATTEMPT', 'STARTED', 'TRIGGER', 'OUTCOME', 'STATUS', 'MS', 'ADDRESS', 'WHAT CAME BACK'],
      attempts.map((one) => [
        one.number,
        one.started_at,
        one.trigger,
        one.outcome,
        one.status,
        one.duration_ms === null ? null : Math.round(one.duration_ms),
        one.address,
        answerOf(one),
      ]),
    ),
  ].join('\n');
}

const SHOWN_CHARACTERS = 80;

function answerOf({ error, answer, location }: Attempt): string | null {
  if (error) return `${error.class}${error.message ? `: ${error.message}` : ''}`;
  if (location) return `to ${location}`;
  return answer?.text?.slice(0, SHOWN_CHARACTERS) || null;
}
