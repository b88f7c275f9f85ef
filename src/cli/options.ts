// Settings as flags: made from the table, so a new setting needs no word here. Flags > environment > .env > defaults.
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { type Command, Option } from 'commander';
import { flagOf, readSettings, SETTINGS, type Settings } from '../settings.ts';

/** Adds one flag per setting; with `only`, just those. */
export function addSettingFlags(command: Command, only?: readonly (keyof Settings)[]): Command {
  for (const row of SETTINGS) {
    if (only && !only.includes(row.setting)) continue;
    const fallback = row.fallback ? `default: ${row.fallback}; ` : '';
    command.addOption(
      new Option(
        `--${flagOf(row.variable)} <${row.placeholder}>`,
        `${row.meaning} (${fallback}${row.variable})`,
      ),
    );
  }
  return command;
}

/** The settings of this command line, over the environment, over `.env` in the current folder. */
export function settingsOf(command: Command, extra: Readonly<Record<string, string>> = {}): Settings {
  const options = command.opts<Record<string, string | undefined>>();
  const flags: Record<string, string | undefined> = { ...extra };
  for (const row of SETTINGS) {
    const name = flagOf(row.variable).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (options[name] !== undefined) flags[row.variable] = options[name];
  }
  return readSettings(flags, process.env, readDotEnv());
}

export function readDotEnv(): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync('.env', 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
