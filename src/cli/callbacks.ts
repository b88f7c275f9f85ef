// `ringback callbacks`: did they get it, and sending again. A client of the public API.
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Attempt, Callback, CallbackWithAttempts, Replay, ReplayRequest } from '../client/client.ts';
import { DELIVERY_STATES, type DeliveryState, EVENTS, type Event } from '../delivery.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';
import { printable, table } from './table.ts';

type Narrowed = {
  state?: DeliveryState[];
  endpoint?: string;
  transcription?: string;
  limit: number;
};

export function callbacksCommand(): Command {
  const list = addServerFlags(narrowed(new Command('list').description('the newest first')))
    .option('--limit <N>', 'how many at most', positive, 50)
    .action(async (flags: Narrowed & ServerFlags) => {
      const { state, endpoint, transcription, limit } = flags;
      const query = {
        ...(state && { state }),
        ...(endpoint && { endpoint }),
        ...(transcription && { transcription_id: transcription }),
        limit: Math.min(limit, 1_000),
      };
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
    .action(async (id: string, flags: ServerFlags) =>
      print(
        flags,
        await clientOf(flags).callbacks.resend(id),
        ({ url }) => `due again now, to ${printable(url)}: "ringback callbacks show ${id}" tells how it went`,
      ),
    );

  return new Command('callbacks')
    .description('see and resend callbacks of a running server')
    .addCommand(list)
    .addCommand(show)
    .addCommand(resend)
    .addCommand(replayCommand());
}

type ReplayFlags = Narrowed & {
  event?: Event;
  createdAfter?: string;
  createdBefore?: string;
  rate?: number;
  wait: boolean;
};

function replayCommand(): Command {
  return addServerFlags(narrowed(new Command('replay').description('send many again: all that match')))
    .addOption(new Option('--event <name>', 'only those that tell of it').choices([...EVENTS]))
    .option('--created-after <time>', 'from this instant on, such as 2026-11-22T09:30:00Z')
    .option('--created-before <time>', 'before this instant')
    .option('--rate <N>', 'deliveries a second (default: 50)', positive)
    .option('--no-wait', 'do not wait for its end; Ctrl-C stops the waiting, not the replay')
    .action(async (flags: ReplayFlags & ServerFlags) => {
      const { state, endpoint, transcription, event, createdAfter, createdBefore, rate } = flags;
      const request: ReplayRequest = {
        filter: {
          ...(state && { state }),
          ...(endpoint && { endpoint }),
          ...(transcription && { transcription_id: transcription }),
          ...(event && { event }),
          ...(createdAfter && { created_after: createdAfter }),
          ...(createdBefore && { created_before: createdBefore }),
        },
        ...(rate !== undefined && { rate }),
      };
      const { replays } = clientOf(flags);
      let replay = await replays.create(request);
      while (flags.wait && replay.state === 'running') {
        await sleep(500);
        replay = await replays.get(replay.id);
      }
      print(flags, replay, told);
    });
}

function narrowed(command: Command): Command {
  return command
    .addOption(new Option('--state <names...>', 'only those in one of these').choices([...DELIVERY_STATES]))
    .option('--endpoint <id>', 'only those of this endpoint')
    .option('--transcription <id>', 'only those of this transcription');
}

function positive(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError('give a whole number from 1 up');
  return number;
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
