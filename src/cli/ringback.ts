#!/usr/bin/env node
// The binary: one file per command beside this one.
import { Command } from 'commander';
import { SettingsError } from '../settings.ts';
import { readVersion } from '../version.ts';
import { callbacksCommand } from './callbacks.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { endpointsCommand } from './endpoints.ts';
import { keysCommand } from './keys.ts';
import { listenCommand } from './listen.ts';
import { serveCommand } from './serve.ts';
import { transcribeCommand } from './transcribe.ts';

const program = new Command('ringback')
  .description('The transcription API that calls you back, on your own machines.')
  .version(readVersion())
  .showHelpAfterError('(add --help to see what is possible)');
for (const command of [
  serveCommand,
  demoCommand,
  transcribeCommand,
  listenCommand,
  keysCommand,
  callbacksCommand,
  endpointsCommand,
  doctorCommand,
])
  program.addCommand(command());

try {
  await program.parseAsync();
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  // A sentence for what a person can mend; the stack for what only we can.
  const expected = error instanceof SettingsError || (typeof code === 'string' && code !== 'internal');
  process.stderr.write(expected ? `ringback: ${message}\n` : `${(error as Error).stack ?? message}\n`);
  process.exitCode = 1;
}
