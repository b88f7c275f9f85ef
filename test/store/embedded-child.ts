/**
 * A Ringback process as far as the embedded PostgreSQL is concerned, to be killed, interrupted and run as other users.
 * Arguments: the data folder, and where copies of the programs may go. Writes one JSON line per happening; obeys `stop` and
 * `exit` on its input.
 */
import { createInterface } from 'node:readline';
import { startEmbedded } from '../../src/store/embedded.ts';

const say = (happening: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(happening)}\n`);
const [dataDirectory = '', ...copyFolders] = process.argv.slice(2);

process.on('SIGINT', () => say({ event: 'interrupted' }));
try {
  const server = await startEmbedded({
    dataDirectory,
    ...(copyFolders.length > 0 && { copyFolders }),
    log: (message, fields) => say({ event: 'log', message, fields }),
  });
  createInterface({ input: process.stdin }).on('line', async (command) => {
    if (command === 'exit') process.exit(0); // without a word to the server
    await server.stop();
    say({ event: 'stopped', ...(await server.exited) });
    process.exit(0);
  });
  say({ event: 'ready', connectionString: server.connectionString, version: server.version });
} catch (error) {
  say({ event: 'refused', code: (error as { code?: string }).code, message: (error as Error).message });
}
