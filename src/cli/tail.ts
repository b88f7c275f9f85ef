// `ringback tail`: what happens on a running server, as it happens, through its restarts.
import { setTimeout as wait } from 'node:timers/promises';
import { Command } from 'commander';
import type { Event } from '../client/client.ts';
import { RingbackError } from '../client/error.ts';
import { addServerFlags, clientOf, type ServerFlags } from './server-options.ts';
import { clock, printableJson, tint } from './terminal.ts';

const AGAIN_MS = 2_000;
const COLOURS = {
  done: 'green',
  delivered: 'green',
  error: 'red',
  failed: 'red',
  cancelled: 'yellow',
} as const;

export function tailCommand(): Command {
  return addServerFlags(
    new Command('tail').description(
      'show every change of transcriptions and callbacks as it happens, until Ctrl-C',
    ),
  ).action(tail);
}

async function tail(flags: ServerFlags): Promise<void> {
  const client = clientOf(flags);
  let lastEventId: string | undefined;
  let lost = false;
  for (;;) {
    try {
      const options = {
        ...(lastEventId !== undefined && { lastEventId }),
        onOpen: () => {
          if (lost) say('connected again');
          lost = false;
        },
      };
      for await (const event of client.events(options)) {
        lastEventId = event.id ?? lastEventId;
        process.stdout.write(`${flags.json ? printableJson(event) : lineOf(event)}\n`);
      }
    } catch (error) {
      // A key that is refused, or a server of another kind, will not be better in two seconds.
      if (!(error instanceof RingbackError) || (error.status !== null && error.status < 500)) throw error;
      if (!lost) say(error.message);
    }
    if (!lost) say('the connection is lost: trying again');
    lost = true;
    await wait(AGAIN_MS);
  }
}

const say = (sentence: string) => process.stderr.write(`${clock(new Date())}  ${sentence}\n`);

function lineOf({ event, data }: Event): string {
  const at = tint('dim', clock(new Date()));
  if (event === 'resync') return `${at}  some changes may have been missed: look at the lists`;
  const word = event === 'job' ? data.status : data.state;
  const shown = tint(word in COLOURS ? COLOURS[word as keyof typeof COLOURS] : 'cyan', word.padEnd(10));
  return event === 'job'
    ? `${at}  transcription  ${data.id}  ${shown}`
    : `${at}  callback       ${data.id}  ${shown}  ${data.attempt_count} ${data.attempt_count === 1 ? 'attempt' : 'attempts'}, of ${data.transcription_id}`;
}
