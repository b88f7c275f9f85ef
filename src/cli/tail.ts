// `ringback tail`: what happens on a running server, as it happens, through its restarts.
import { setTimeout as wait } from 'node:timers/promises';
import { Command } from 'commander';
import type { Event } from '../client/client.ts';
import { RingbackError } from '../client/error.ts';
import { addServerFlags, clientOf, type ServerFlags } from './server-options.ts';
import { clock, printableJson, printableText, tint } from './terminal.ts';

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
  let opened = false;
  for (;;) {
    try {
      const options = {
        ...(lastEventId !== undefined && { lastEventId }),
        onOpen: () => {
          if (lost) say('connected again');
          lost = false;
          opened = true;
        },
      };
      for await (const event of client.events(options)) {
        lastEventId = event.id ?? lastEventId;
        process.stdout.write(`${flags.json ? printableJson(event) : lineOf(event)}\n`);
      }
    } catch (error) {
      if (!(error instanceof RingbackError) || isFinal(error, opened)) throw error;
      if (!lost) say(printableText(error.message));
    }
    if (!lost) say('the connection is lost: trying again');
    lost = true;
    await wait(AGAIN_MS);
  }
}

/**
 * A key that is refused will not be better in two seconds, nor is a server of another kind; but where ours was before, it is
 * what stands in front of it while it is away.
 */
function isFinal({ reason, status }: RingbackError, opened: boolean): boolean {
  if (reason === 'answer_unknown') return !opened;
  return status !== null && status < 500 && status !== 429;
}

const say = (sentence: string) => process.stderr.write(`${clock(new Date())}  ${sentence}\n`);

function lineOf({ event, data }: Event): string {
  const at = tint('dim', clock(new Date()));
  if (event === 'resync') return `${at}  some changes may have been missed: look at the lists`;
  const word = printableText(String(event === 'job' ? data.status : data.state));
  const id = printableText(String(data.id));
  const shown = tint(word in COLOURS ? COLOURS[word as keyof typeof COLOURS] : 'cyan', word.padEnd(10));
  return event === 'job'
    ? `${at}  transcription  ${id}  ${shown}`
    : `${at}  callback       ${id}  ${shown}  ${printableText(`${data.attempt_count} ${data.attempt_count === 1 ? 'attempt' : 'attempts'}, of ${data.transcription_id}`)}`;
}
