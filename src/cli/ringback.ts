#!/usr/bin/env node
// The binary: one file per command beside this one.
import { Command } from 'commander';
import { readVersion } from '../version.ts';
import { COMMANDS } from './commands.ts';
import { interruptionCode } from './ended.ts';
import { sentenceOf } from './failure.ts';

const program = new Command('ringback')
  .description('The transcription API that calls you back, on your own machines.')
  .version(readVersion())
  .showHelpAfterError('(add --help to see what is possible)');
const named = process.argv[2] ?? '';
// Without one of them, as for --help, all are needed.
for (const name of Object.hasOwn(COMMANDS, named) ? [named] : Object.keys(COMMANDS)) {
  const load = COMMANDS[name];
  if (load) program.addCommand(await load());
}
handDown(program);

endQuietly();
try {
  await program.parseAsync();
} catch (error) {
  // Who pressed Ctrl-C knows it.
  const interrupted = interruptionCode(error);
  if (interrupted === null) process.stderr.write(`ringback: ${sentenceOf(error)}\n`);
  process.exitCode = interrupted ?? 1;
}

/** How mistakes are answered: a command that was made elsewhere does not have it from its parent by itself. */
function handDown(parent: Command): void {
  for (const command of parent.commands) handDown(command.copyInheritedSettings(parent));
}

/** `| head` closes our output: nobody reads on, and that is no failure. */
function endQuietly(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(0);
    });
}
