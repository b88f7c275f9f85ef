// `ringback listen`: a local receiver that verifies and shows callbacks.
import { Command, InvalidArgumentError } from 'commander';
import { decodeSecret, readPublicKey } from '../signing-key.ts';
import { formatCallback, startReceiver } from './receiver.ts';

function whole(low: number, high: number) {
  return (value: string): number => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < low || number > high)
      throw new InvalidArgumentError(`give a whole number from ${low} to ${high}`);
    return number;
  };
}

function secret(value: string): string {
  try {
    if (value.startsWith('whpk_')) readPublicKey(value);
    else decodeSecret(value);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return value;
}

export function listenCommand(): Command {
  return new Command('listen')
    .description('a local receiver: verifies and shows callbacks until Ctrl-C')
    .option('--port <N>', 'port on 127.0.0.1; 0 picks a free one', whole(0, 65_535), 4848)
    .option('--secret <whsec_…>', 'check signatures with this secret, or with a public key (whpk_…)', secret)
    .option('--status <N>', 'the status to answer, to see what Ringback makes of it', whole(200, 599), 200)
    .action(async ({ port, secret, status }: { port: number; secret?: string; status: number }) => {
      const ended = Promise.withResolvers<void>();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ended.resolve());
      const receiver = await startReceiver({
        port,
        secret: secret ?? null,
        status,
        onCallback: (callback) => process.stdout.write(`\n${formatCallback(callback, 400)}\n`),
      });
      process.stdout.write(
        `listening on ${receiver.url}, answering ${status}\n` +
          'Ringback calls it when started with RINGBACK_ALLOW_NETWORKS=127.0.0.0/8\n',
      );
      await ended.promise;
      await receiver.close();
    });
}
