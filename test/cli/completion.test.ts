// Completion as it is typed, in real shells on a terminal: commands, flags, choices, and files as the shell itself does them.
// A shell that is not installed is passed over.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../rig/eventually.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));
const isThere = (program: string) => spawnSync(program, ['--version']).status === 0;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-completion-'));
  await writeFile(join(folder, 'board meeting.wav'), '');
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await promisify(execFile)(process.execPath, [BINARY, 'completion', shell]);
    await writeFile(join(folder, `complete.${shell}`), stdout);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What stands on the line after `typed` and the tab key. */
const TYPED: Readonly<Record<string, string>> = {
  'ringback transcrip': 'ringback transcriptions ',
  'ringback callbacks res': 'ringback callbacks resend ',
  'ringback callbacks list --cre': 'ringback callbacks list --created-',
  'ringback callbacks list --state deliveri': 'ringback callbacks list --state delivering ',
  'ringback callbacks show 1ea8 --js': 'ringback callbacks show 1ea8 --json ',
  'ringback submit bo': 'ringback submit board\\ meeting.wav ',
};

const INTERACTIVE: Readonly<Record<string, { start: string; prepare: string }>> = {
  bash: { start: 'bash --norc -i', prepare: 'source ./complete.bash' },
  zsh: {
    start: 'zsh -f -i',
    prepare: 'autoload -Uz compinit && compinit -u -D; source ./complete.zsh',
  },
};

for (const [shell, { start, prepare }] of Object.entries(INTERACTIVE))
  test.skipIf(!isThere(shell))(
    `${shell}: what is typed is completed`,
    async () => {
      const child = spawn('script', ['-qfec', start, '/dev/null'], {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder, TERM: 'dumb', COLUMNS: '200' },
      });
      let shown = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        shown += text;
      });
      // Never equal to what is typed, so that the echo is not taken for it.
      child.stdin.write(`${prepare}; echo re""ady\n`);
      await eventually(
        async () => shown,
        (text) => /^ready/m.test(text),
        20_000,
      );
      for (const [typed, completed] of Object.entries(TYPED)) {
        shown = '';
        child.stdin.write(`${typed}\t`);
        await eventually(
          async () => lineOf(shown),
          (line) => line.includes(completed),
          10_000,
        );
        // The line is thrown away (Ctrl-U), and the next one is a new one.
        child.stdin.write('\u0015echo ne""xt\n');
        await eventually(
          async () => shown,
          (text) => /^next/m.test(text),
          10_000,
        );
      }
      child.stdin.end('exit\n');
      await once(child, 'exit');
    },
    60_000,
  );

/** Steps back are taken, colours and other commands of the terminal left out. */
function lineOf(shown: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are commands of the terminal
  let line = shown.replaceAll(/\u001b\[[0-9;?]*[a-zA-Z]|\u0007|\r/g, '');
  while (line.includes('\b')) line = line.replace(/[^\b]?\b/, '');
  return line;
}

test.skipIf(!isThere('fish'))(
  'fish: what could follow is offered',
  async () => {
    const offered = async (typed: string) => {
      const { stdout } = await promisify(execFile)(
        'fish',
        ['--no-config', '-c', `source complete.fish; complete -C '${typed}'`],
        { cwd: folder, env: { PATH: process.env.PATH, HOME: folder } },
      );
      return stdout.trim().split('\n');
    };
    expect(await offered('ringback tra')).toEqual(['transcribe', 'transcriptions']);
    expect(await offered('ringback callbacks re')).toEqual(['replay', 'resend']);
    expect(await offered('ringback callbacks list --state del')).toEqual(['delivered', 'delivering']);
    expect(await offered('ringback callbacks show 1ea8 --js')).toEqual(['--json']);
    expect(await offered('ringback submit bo')).toEqual(['board meeting.wav']);
  },
  30_000,
);
