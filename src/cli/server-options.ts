// The commands that call a running server: where it is and the key, as flags over environment over `.env` over the profile
// that was logged in; and how they print.
import type { Command } from 'commander';
import { type Client, createClient } from '../client/client.ts';
import { CLIENT_VARIABLES } from '../settings.ts';
import { readDotEnv } from './options.ts';
import { profileOf, readProfiles } from './profiles.ts';
import { printableJson } from './terminal.ts';

const USUAL_URL = CLIENT_VARIABLES.find(({ flag }) => flag === 'url')?.fallback ?? '';

export function addServerFlags(command: Command): Command {
  for (const { variable, flag, placeholder, fallback, meaning } of CLIENT_VARIABLES)
    command.option(
      `--${flag} <${placeholder}>`,
      `${meaning} (${fallback ? `default: ${fallback}; ` : ''}${variable})`,
    );
  return command.option('--json', 'print JSON instead of a table');
}

export type ServerFlags = { url?: string; key?: string; profile?: string; json?: true };

export function clientOf(flags: ServerFlags): Client {
  const env = { ...readDotEnv(), ...process.env };
  const named = flags.profile || env.RINGBACK_PROFILE || undefined;
  const profile = profileOf(named, readProfiles());
  // A profile that is named goes before the environment: nobody names one for nothing.
  const { RINGBACK_URL, RINGBACK_API_KEY } = named ? {} : env;
  const url = checkedUrl(flags.url || RINGBACK_URL || profile?.url || USUAL_URL);
  // Its key is for its server alone.
  const key = flags.key || RINGBACK_API_KEY || (profile?.url === url && profile.key);
  if (!key)
    throw refused('no API key: set RINGBACK_API_KEY, or give --key, or keep one with "ringback login"');
  // What is printed as JSON is what came.
  return createClient({ url, key, numbers: 'kept' });
}

export function checkedUrl(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw refused('RINGBACK_URL: this is not a URL that starts with http:// or https://');
  return url;
}

function refused(message: string): Error {
  return Object.assign(new Error(message), { code: 'settings_invalid' });
}

/** JSON where it was asked for, otherwise what `readable` makes of it. */
export function print<T>(flags: ServerFlags, value: T, readable: (value: T) => string): void {
  process.stdout.write(`${flags.json ? printableJson(value, 2) : readable(value)}\n`);
}
