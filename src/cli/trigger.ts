// `ringback trigger success|error`: a sample callback by the server's own engine, and what became of its first attempt.
import { setTimeout as wait } from 'node:timers/promises';
import { Argument, Command, Option } from 'commander';
import type { CallbackWithAttempts, Client } from '../client/client.ts';
import { DELIVERY_FORMS, type DeliveryForm, EVENTS, type Event, METHODS, type Method } from '../delivery.ts';
import { CLIENT_VARIABLES } from '../settings.ts';
import { usualInbox } from './listen-forward.ts';
import { clientOf, print } from './server-options.ts';
import { printable } from './terminal.ts';

type Flags = {
  url?: string;
  inbox?: string;
  server?: string;
  key?: string;
  method?: Method;
  payload?: DeliveryForm;
  gzip?: true;
  wait: boolean;
  json?: true;
};

const LOOK_MS = 200;
const LONGEST_MS = 30_000;

export function triggerCommand(): Command {
  const command = new Command('trigger')
    .description('send a sample callback, marked as a test, by the same way as every other')
    .addArgument(new Argument('<event>', 'what it tells').choices([...EVENTS]))
    .option(
      '--inbox <name>',
      'to this inbox, by name or id (default: the one that listen --forward opens here)',
    )
    .addOption(new Option('--url <url>', 'to this receiver instead').conflicts('inbox'))
    .addOption(new Option('--method <name>', 'how').choices([...METHODS]))
    .addOption(new Option('--payload <form>', 'with its words, or without').choices([...DELIVERY_FORMS]))
    .option('--gzip', 'packed')
    .option('--no-wait', 'do not wait for the first attempt');
  // --url is where the callback goes here.
  for (const { variable, flag, placeholder, fallback, meaning } of CLIENT_VARIABLES)
    command.option(
      `--${flag === 'url' ? 'server' : flag} <${placeholder}>`,
      `${meaning} (${fallback ? `default: ${fallback}; ` : ''}${variable})`,
    );
  return command.option('--json', 'print JSON').action(trigger);
}

async function trigger(event: Event, flags: Flags): Promise<void> {
  const client = clientOf({
    ...(flags.server !== undefined && { url: flags.server }),
    ...(flags.key !== undefined && { key: flags.key }),
  });
  const target = flags.url === undefined ? { inbox: flags.inbox ?? usualInbox() } : { url: flags.url };
  const sent = await client.callbacks
    .test({
      event,
      ...target,
      ...(flags.method && { method: flags.method }),
      ...(flags.payload && { payload: flags.payload }),
      ...(flags.gzip && { compression: 'gzip' }),
    })
    .catch((error: unknown) => {
      throw flags.inbox === undefined && flags.url === undefined ? withoutInbox(error) : error;
    });
  const now = flags.wait ? await firstAttempt(client, sent) : sent;
  print(flags, now, told);
}

/** Nobody has named one: what is missing is not a name. */
function withoutInbox(error: unknown): unknown {
  if ((error as { code?: unknown }).code !== 'inbox_unknown') return error;
  return Object.assign(
    new Error(
      'there is no inbox of this machine yet: run "ringback listen --forward http://localhost:3000/hook", or say where to with --inbox or --url',
    ),
    { code: 'inbox_unknown' },
  );
}

/** Once an attempt is on record, or it has waited long enough. */
async function firstAttempt(client: Client, sent: CallbackWithAttempts): Promise<CallbackWithAttempts> {
  const until = performance.now() + LONGEST_MS;
  let now = sent;
  while (
    now.attempts.length === 0 &&
    /^(?:pending|delivering)$/.test(now.state) &&
    performance.now() < until
  ) {
    await wait(LOOK_MS);
    now = await client.callbacks.get(sent.id);
  }
  return now;
}

function told({ id, event, url, state, reason, attempts, next_attempt_at }: CallbackWithAttempts): string {
  const lines = [
    `${event} ${id} to ${printable(url)}: ${state}${reason === null ? '' : `, ${printable(reason)}`}`,
  ];
  for (const { number, status, duration_ms, error } of attempts)
    lines.push(
      `attempt ${number}: ${status ?? printable(error?.message ?? 'no answer')} after ${Math.round(duration_ms ?? 0)} ms`,
    );
  if (state === 'pending' && next_attempt_at !== null) lines.push(`next attempt at ${next_attempt_at}`);
  return lines.join('\n');
}
