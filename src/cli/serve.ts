// `ringback serve`: the server, until Ctrl-C or SIGTERM.
import { Command } from 'commander';
import { createLog } from '../log.ts';
import { startRingback } from '../main.ts';
import { addSettingFlags, settingsOf } from './options.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** A signal this long after the first means: now. */
const SECOND_SIGNAL_MS = 1_000;

export function serveCommand(): Command {
  const command = new Command('serve').description('run the server: API, transcription and delivery');
  addSettingFlags(command);
  return command.action(async () => {
    const settings = settingsOf(command);
    const log = createLog(settings.logLevel);
    const ended = Promise.withResolvers<{ code: number; why: string }>();
    for (const signal of SIGNALS) process.on(signal, () => ended.resolve({ code: 0, why: signal }));

    const ringback = await startRingback(settings, log);
    void ringback.broken.then((why) => ended.resolve({ code: 1, why }));
    if (ringback.createdKey)
      process.stderr.write(
        `\nYour API key, shown this once (send it as x-gladia-key, or sign in with it at ${ringback.url}/):\n\n    ${ringback.createdKey}\n\nWhat signs your callbacks: GET /api/signing-secrets, or Account in the dashboard.\n\n`,
      );

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
