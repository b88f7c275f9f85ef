// `ringback serve`: the server, until Ctrl-C or SIGTERM.
import { Command } from 'commander';
import { createLog, logDestination } from '../log.ts';
import { type Ringback, startRingback } from '../main.ts';
import type { Settings } from '../settings.ts';
import { greeting } from './greeting.ts';
import { addSettingFlags, settingsOf } from './options.ts';
import { CLIP, COMMAND } from './program.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** A signal this long after the first means: now. */
const SECOND_SIGNAL_MS = 1_000;

export function serveCommand(): Command {
  const command = new Command('serve').description('run the server: API, transcription and delivery');
  addSettingFlags(command);
  return command.action(async () => {
    const settings = settingsOf(command);
    const log = createLog(settings.logLevel, logDestination(settings.logFormat));
    const ended = Promise.withResolvers<{ code: number; why: string }>();
    for (const signal of SIGNALS) process.on(signal, () => ended.resolve({ code: 0, why: signal }));

    const ringback = await startRingback(settings, log);
    void ringback.broken.then((why) => ended.resolve({ code: 1, why }));
    greet(ringback, settings);

    const { code, why } = await ended.promise;
    log.info({ why }, 'stopping');
    const leave = (because: string) => {
      log.error(`${because}: leaving at once; callbacks cut off go out once more at the next start`);
      process.exit(1);
    };
    // A stop that hangs must not outlive its supervisor's patience.
    const late = setTimeout(() => leave('stopping took too long'), settings.stopTimeoutMs);
    // Not at once: npm passes on a signal that its whole group has had already.
    setTimeout(() => {
      for (const signal of SIGNALS) process.on(signal, () => leave(`${signal} while stopping`));
    }, SECOND_SIGNAL_MS).unref();
    await ringback.stop();
    clearTimeout(late);
    log.info('stopped');
    process.exitCode = code;
  });
}

/** A person on a terminal is told how to begin; in a log, only what would be lost otherwise. */
function greet({ url, createdKey }: Ringback, settings: Settings): void {
  if (url === null) return;
  if (process.stdout.isTTY) {
    const keysAreSet = settings.apiKeys.length > 0;
    process.stdout.write(greeting({ url, createdKey, keysAreSet, command: COMMAND, clip: CLIP }));
  } else if (createdKey !== null) {
    process.stderr.write(
      `\nYour API key, shown this once (send it as x-gladia-key, or sign in with it at ${url}/):\n\n    ${createdKey}\n\nWhat signs your callbacks: GET /api/signing-secrets, or Account in the dashboard.\n\n`,
    );
  }
}
