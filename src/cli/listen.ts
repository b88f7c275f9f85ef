// `ringback listen`: looking at callbacks, with a receiver on this machine, or by an inbox of the server that forwards them to
// a program here.
import { Command, InvalidArgumentError, Option } from 'commander';
import { decodeSecret, readPublicKey } from '../signing-key.ts';
import { parseBytes, parseDuration } from '../units.ts';
import { type ForwardFlags, listenForward } from './listen-forward.ts';
import { type LocalFlags, listenLocal } from './listen-local.ts';
import { addServerFlags } from './server-options.ts';

function whole(low: number, high: number) {
  return (value: string): number => {
    const number = Number(value);
    if (value.trim() === '' || !Number.isInteger(number) || number < low || number > high)
      throw new InvalidArgumentError(`give a whole number from ${low} to ${high}`);
    return number;
  };
}

const statuses = (value: string): number[] => value.split(',').map(whole(200, 599));

function secret(value: string): string {
  try {
    if (value.startsWith('whpk_')) readPublicKey(value);
    else decodeSecret(value);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return value;
}

/** With the sentence that it throws. */
function read<T>(parse: (text: string) => T) {
  return (value: string): T => {
    try {
      return parse(value);
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message);
    }
  };
}

const EXAMPLES = `
Examples:
  ringback listen --forward http://localhost:3000/hook    your program gets the callbacks, and its answers count
  ringback trigger success                                a sample callback, to try it with
  ringback listen --status 500,500,200 --retry-after 5    a receiver that fails twice
  ringback listen --limit 100kb                           413 to what is larger, as Express answers by default`;

export function listenCommand(): Command {
  const local = (flags: string, says: string) => new Option(flags, says).conflicts('forward');
  return addServerFlags(new Command('listen'))
    .description('look at callbacks until Ctrl-C: in a receiver here, or forwarded to a program of yours')
    .option(
      '--forward <url>',
      'open an inbox on the server, make its requests here again, give the answers back',
    )
    .addOption(
      new Option(
        '--inbox <name>',
        'which inbox to forward; made when there is none (default: one per machine)',
      ),
    )
    .option('--verbose', 'with --forward: headers and bodies')
    .addOption(
      local('--port <N>', 'port on 127.0.0.1; 0 picks a free one').argParser(whole(0, 65_535)).default(4848),
    )
    .addOption(
      local(
        '--secret <whsec_…>',
        'check signatures with this secret, or with a public key (whpk_…); unset: RINGBACK_SIGNING_SECRET, or what the API key gives',
      ).argParser(secret),
    )
    .addOption(
      local('--status <list>', 'what to answer, one after the other, such as 500,500,200; the last stays')
        .argParser(statuses)
        .default([200], '200'),
    )
    .addOption(local('--delay <time>', 'wait before each answer, such as 2s').argParser(read(parseDuration)))
    .addOption(
      local('--retry-after <seconds>', 'sent with every answer that is no 2xx').argParser(whole(0, 86_400)),
    )
    .addOption(
      local('--limit <size>', 'answer 413 to a larger body, such as 100kb').argParser(read(parseBytes)),
    )
    .addHelpText('after', EXAMPLES)
    .action((flags: LocalFlags & Partial<ForwardFlags>) => {
      const { forward } = flags;
      return forward === undefined ? listenLocal(flags) : listenForward({ ...flags, forward });
    });
}
