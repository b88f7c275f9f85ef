// `ringback login`, `logout` and `profiles`: where a server is and its key, kept under a name.
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Command } from 'commander';
import { createClient } from '../client/client.ts';
import { profilesFile, readProfiles, writeProfiles } from './profiles.ts';
import { checkedUrl } from './server-options.ts';
import { table } from './table.ts';

const USUAL = 'default';

export function loginCommand(): Command {
  return new Command('login')
    .description('keep the address of a server and a key, so that commands need neither')
    .argument('[url]', 'where it is', 'http://127.0.0.1:4747')
    .option('--profile <name>', 'to keep them under', USUAL)
    .addHelpText(
      'after',
      '\nThe key is asked for, or read from standard input: echo $KEY | ringback login URL',
    )
    .action(async (given: string, { profile }: { profile: string }) => {
      const url = checkedUrl(given);
      const key = (await readKey()).trim();
      if (key === '') throw refused('no key was given');
      // One that does not work is not kept.
      await createClient({ url, key }).keys.list();
      const { profiles } = readProfiles();
      writeProfiles({ current: profile, profiles: { ...profiles, [profile]: { url, key } } });
      process.stderr.write(`kept as "${profile}" in ${profilesFile()}; commands use it from now on\n`);
    });
}

export function logoutCommand(): Command {
  return new Command('logout')
    .description('forget a server and its key; the key itself stays in force')
    .option('--profile <name>', 'which (default: the current one)')
    .action(({ profile }: { profile?: string }) => {
      const { current, profiles } = readProfiles();
      const name = profile ?? current;
      if (name === null || !Object.hasOwn(profiles, name))
        throw refused(name === null ? 'nobody is logged in' : `there is no profile ${name}`);
      const { [name]: _, ...rest } = profiles;
      const next = current === name ? (Object.keys(rest)[0] ?? null) : current;
      writeProfiles({ current: next, profiles: rest });
      process.stderr.write(
        `forgot "${name}"${next !== null && next !== current ? `; "${next}" is used from now on` : ''}\n`,
      );
    });
}

export function profilesCommand(): Command {
  return new Command('profiles')
    .description('list the servers that are kept; never their keys')
    .action(() => {
      const { current, profiles } = readProfiles();
      const rows = Object.entries(profiles).map(([name, { url }]) => [
        name === current ? '*' : ' ',
        name,
        url,
      ]);
      process.stdout.write(`${table([' ', 'PROFILE', 'URL'], rows)}\n`);
    });
}

/** From the terminal without showing it, or the first line of standard input. */
function readKey(): Promise<string> {
  const { stdin, stderr } = process;
  if (stdin.isTTY) stderr.write('API key: ');
  const lines = createInterface({
    input: stdin,
    terminal: stdin.isTTY === true,
    // What is typed is echoed here, and goes nowhere.
    output: new Writable({ write: (_chunk, _encoding, done) => done() }),
  });
  return new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      if (stdin.isTTY) stderr.write('\n');
      resolve(line);
      lines.close();
    });
    lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    lines.once('close', () => reject(refused('no key was given')));
  });
}

const refused = (message: string): Error => Object.assign(new Error(message), { code: 'settings_invalid' });
