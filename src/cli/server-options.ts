// The commands that call a running server: where it is and the key, as flags over environment over `.env`; and how they
// print.
import type { Command } from 'commander';
import { type Client, createClient } from '../client/client.ts';
import { CLIENT_VARIABLES } from '../settings.ts';
import { readDotEnv } from './options.ts';

export function addServerFlags(command: Command): Command {
  for (const { variable, flag, placeholder, fallback, meaning } of CLIENT_VARIABLES)
    command.option(
      `--${flag} <${placeholder}>`,
      `${meaning} (${fallback ? `default: ${fallback}; ` : ''}${variable})`,
    );
  return command.option('--json', 'print JSON instead of a table');
}

export type ServerFlags = { url?: string; key?: string; json?: true };

export function clientOf(flags: ServerFlags): Client {
  const env = { ...readDotEnv(), ...process.env };
  const value = (name: 'url' | 'key') => {
    const row = CLIENT_VARIABLES.find(({ flag }) => flag === name);
    return flags[name] || (row && (env[row.variable] || row.fallback));
  };
  const [url, key] = [value('url') ?? '', value('key')];
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw refused('RINGBACK_URL: this is not a URL that starts with http:// or https://');
  if (!key) throw refused('no API key: set RINGBACK_API_KEY, or give --key');
  // What is printed as JSON is what came.
  return createClient({ url, key, numbers: 'kept' });
}

function refused(message: string): Error {
  return Object.assign(new Error(message), { code: 'settings_invalid' });
}

/** JSON where it was asked for, otherwise what `readable` makes of it. */
export function print<T>(flags: ServerFlags, value: T, readable: (value: T) => string): void {
  process.stdout.write(`${flags.json ? JSON.stringify(value, null, 2) : readable(value)}\n`);
}
