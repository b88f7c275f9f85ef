#!/usr/bin/env node
// The binary: one file per command beside this one.
import { Command } from 'commander';
import { readVersion } from '../version.ts';
import { sentenceOf } from './failure.ts';

// Loaded when asked for: all of them cost 1.4 s of processor time, `endpoints` alone 0.3 s.
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serveCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  transcribe: async () => (await import('./transcribe.ts')).transcribeCommand(),
  listen: async () => (await import('./listen.ts')).listenCommand(),
  submit: async () => (await import('./submit.ts')).submitCommand(),
  transcriptions: async () => (await import('./transcriptions.ts')).transcriptionsCommand(),
  trigger: async () => (await import('./trigger.ts')).triggerCommand(),
  keys: async () => (await import('./keys.ts')).keysCommand(),
  callbacks: async () => (await import('./callbacks.ts')).callbacksCommand(),
  endpoints: async () => (await import('./endpoints.ts')).endpointsCommand(),
  inboxes: async () => (await import('./inboxes.ts')).inboxesCommand(),
  replays: async () => (await import('./replays.ts')).replaysCommand(),
  secrets: async () => (await import('./secrets.ts')).secretsCommand(),
  tail: async () => (await import('./tail.ts')).tailCommand(),
  login: async () => (await import('./login.ts')).loginCommand(),
  logout: async () => (await import('./login.ts')).logoutCommand(),
  profiles: async () => (await import('./login.ts')).profilesCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
};

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
  process.stderr.write(`ringback: ${sentenceOf(error)}\n`);
  process.exitCode = 1;
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
