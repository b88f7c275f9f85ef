// `ringback serve`: the server, until Ctrl-C or SIGTERM.
import { Command } from 'commander';
import { createLog } from '../log.ts';
import { startRingback } from '../main.ts';
import { addSettingFlags, settingsOf } from './options.ts';

/** A stop that hangs must not outlive its supervisor's patience. */
const STOP_MS = 9_500;

export function serveCommand(): Command {
  const command = new Command('serve').description('run the server: API, transcription and delivery');
  addSettingFlags(command);
  return command.action(async () => {
    const settings = settingsOf(command);
    const log = createLog(settings.logLevel);
    const ended = Promise.withResolvers<{ code: number; why: string }>();
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => ended.resolve({ code: 0, why: signal }));

    const ringback = await startRingback(settings, log);
    void ringback.broken.then((why) => ended.resolve({ code: 1, why }));
    if (ringback.createdKey)
      process.stderr.write(
        `\nYour API key, shown this once (send it as x-gladia-key, or sign in with it at ${ringback.url}/):\n\n    ${ringback.createdKey}\n\nWhat signs your callbacks: GET /api/signing-secrets, or Account in the dashboard.\n\n`,
      );

    const { code, why } = await ended.promise;
    log.info({ why }, 'stopping');
    const late = setTimeout(() => {
      log.error('stopping took too long: leaving at once');
      process.exit(1);
    }, STOP_MS);
    await ringback.stop();
    clearTimeout(late);
    log.info('stopped');
    process.exitCode = code;
  });
}
