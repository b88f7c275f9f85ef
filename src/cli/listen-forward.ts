// `ringback listen --forward URL`: what it prints, and when it ends.
import { hostname } from 'node:os';
import { untilSignal } from './ended.ts';
import { forward } from './forward.ts';
import { answeredLine, exchangeLine, type LineFlags } from './forward-lines.ts';
import { clientOf, type ServerFlags } from './server-options.ts';
import { printableText, tint } from './terminal.ts';

export type ForwardFlags = ServerFlags & LineFlags & { forward: string; inbox?: string };

/** One a machine: two people with one account do not take each other's callbacks. */
export const usualInbox = () => `listen ${hostname()}`.slice(0, 100);

export async function listenForward(flags: ForwardFlags): Promise<void> {
  const target = readTarget(flags.forward);
  const client = clientOf(flags);
  const ended = untilSignal();
  // With --json, stdout is for JSON alone.
  const say = (text: string) => (flags.json ? process.stderr : process.stdout).write(`${text}\n`);
  const print = (line: string) => process.stdout.write(`${line}\n`);
  await forward({
    client,
    target,
    name: flags.inbox ?? usualInbox(),
    signal: ended,
    onInbox: ({ address, name }) => {
      say(`inbox "${printableText(name)}": give this address as callback_config.url\n`);
      say(`    ${tint('bold', printableText(address))}\n`);
      say(`forwarding to ${target.href}; try it with: ringback trigger success --inbox ${quoted(name)}`);
    },
    onExchange: (exchange) => print(exchangeLine(exchange, flags, new Date())),
    onAnswered: (request) => print(answeredLine(request, flags, new Date())),
    say: (sentence) => say(tint('yellow', printableText(sentence))),
  });
}

const quoted = (name: string) => (/^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);

function readTarget(given: string): URL {
  // A port, or a host without a scheme, is meant as people write it.
  const text = /^\d+$/.test(given) ? `http://localhost:${given}/` : given;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol))
    throw Object.assign(
      new Error(
        `--forward: "${given}" is not a URL that starts with http:// or https://, such as http://localhost:3000/hook`,
      ),
      { code: 'settings_invalid' },
    );
  return url;
}
