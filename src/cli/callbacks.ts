// `ringback callbacks`: did they get it, sending again, and cancelling. A client of the public API.
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import type {
  Attempt,
  Callback,
  CallbackWithAttempts,
  CancelledCallbacks,
  Replay,
  ReplayRequest,
} from '../client/client.ts';
import { DELIVERY_STATES, type DeliveryState, EVENTS, type Event } from '../delivery.ts';
import { positive } from './numbers.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';
import { printable, table } from './table.ts';

type Narrowed = {
  state?: DeliveryState[];
  endpoint?: string;
  transcription?: string;
  event?: Event;
  createdAfter?: string;
  createdBefore?: string;
};

function narrowed(command: Command): Command {
  return command
    .addOption(new Option('--state <names...>', 'only those in one of these').choices([...DELIVERY_STATES]))
    .option('--endpoint <id>', 'only those of this endpoint')
    .option('--transcription <id>', 'only those of this transcription')
    .addOption(new Option('--event <name>', 'only those that tell of it').choices([...EVENTS]))
    .option('--created-after <time>', 'from this instant on, such as 2026-11-22T09:30:00Z')
    .option('--created-before <time>', 'before this instant');
}

/** In the words of the API. */
function filterOf({ state, endpoint, transcription, event, createdAfter, createdBefore }: Narrowed) {
  return {
    ...(state && { state }),
    ...(endpoint && { endpoint }),
    ...(transcription && { transcription_id: transcription }),
    ...(event && { event }),
    ...(createdAfter && { created_after: createdAfter }),
    ...(createdBefore && { created_before: createdBefore }),
  };
}

export function callbacksCommand(): Command {
  const list = addServerFlags(narrowed(new Command('list').description('the newest first')))
    .option('--limit <N>', 'how many at most', positive, 50)
    .action(async (flags: Narrowed & { limit: number } & ServerFlags) => {
      const { limit } = flags;
      const query = { ...filterOf(flags), limit: Math.min(limit, 1_000) };
      const found: Callback[] = [];
      for await (const callback of clientOf(flags).callbacks.list(query)) {
        found.push(callback);
        if (found.length === limit) break;
      }
      print(flags, found, listed);
    });

  const show = addServerFlags(new Command('show').description('one, with every attempt'))
    .argument('<id>', 'as listed; the webhook-id of its requests')
    .action(async (id: string, flags: ServerFlags) =>
      print(flags, await clientOf(flags).callbacks.get(id), shown),
    );

  const resend = addServerFlags(new Command('resend').description('send one again, now'))
    .argument('<id>', 'as listed')
    .option('--to <url>', 'to this URL from now on, instead of where it went before')
    .action(async (id: string, { to, ...flags }: { to?: string } & ServerFlags) =>
      print(
        flags,
        await clientOf(flags).callbacks.resend(id, { ...(to !== undefined && { url: to }) }),
        resent,
      ),
    );

  return new Command('callbacks')
    .description('see, resend and cancel callbacks of a running server')
    .addCommand(list)
    .addCommand(show)
    .addCommand(resend)
    .addCommand(cancelCommand())
    .addCommand(replayCommand());
}

function cancelCommand(): Command {
  return addServerFlags(
    narrowed(new Command('cancel').description('send nothing further: of one, or of all that match')),
  )
    .argument('[id]', 'as listed; without it, say which by the options')
    .action(async (id: string | undefined, flags: Narrowed & ServerFlags, command: Command) => {
      const filter = filterOf(flags);
      const { callbacks } = clientOf(flags);
      if (id === undefined) return print(flags, await callbacks.cancelMany({ filter }), cancelledMany);
      if (Object.keys(filter).length > 0)
        command.error('error: name one callback by its id, or many by the options, not both');
      print(flags, await callbacks.cancel(id), cancelled);
    });
}

type ReplayFlags = Narrowed & { rate?: number; wait: boolean };

function replayCommand(): Command {
  return addServerFlags(narrowed(new Command('replay').description('send many again: all that match')))
    .option('--rate <N>', 'deliveries a second (default: 50)', positive)
    .option('--no-wait', 'do not wait for its end; Ctrl-C stops the waiting, not the replay')
    .action(async (flags: ReplayFlags & ServerFlags) => {
      const { rate } = flags;
      const request: ReplayRequest = { filter: filterOf(flags), ...(rate !== undefined && { rate }) };
      const { replays } = clientOf(flags);
      let replay = await replays.create(request);
      while (flags.wait && replay.state === 'running') {
        await sleep(500);
        replay = await replays.get(replay.id);
      }
      print(flags, replay, told);
    });
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

function listed(callbacks: readonly Callback[]): string {
  return table(
    ['ID', 'STATE', 'EVENT', 'ATTEMPTS', 'CREATED', 'URL', 'REASON'],
    callbacks.map((one) => [
      one.id,
      one.state,
      one.event,
      one.attempt_count,
      one.created_at,
      one.url,
      one.reason,
    ]),
  );
}

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

function told({ id, state, matched, resent, skipped }: Replay): string {
  return `replay ${id} ${state}: ${matched} matched, ${resent} resent, skipped ${skipped.in_flight} in flight and ${skipped.body_gone} without a body`;
}
