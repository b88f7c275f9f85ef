// `ringback listen` without `--forward`: a receiver on this machine that verifies, shows and answers as told.
import { once } from 'node:events';
import type { Client } from '../client/client.ts';
import { untilSignal } from './ended.ts';
import { readDotEnv } from './options.ts';
import { formatCallback, type ReceivedCallback, startReceiver, verdictOf } from './receiver.ts';
import { clientOf, type ServerFlags } from './server-options.ts';
import { accountSecrets, type CheckSignature, givenSecrets } from './signing.ts';
import { clock, printableJson, tint, tintStatus } from './terminal.ts';

export type LocalFlags = ServerFlags & {
  port: number;
  secret?: string;
  status: number[];
  delay?: number;
  retryAfter?: number;
  limit?: number;
};

export async function listenLocal(flags: LocalFlags): Promise<void> {
  const ended = untilSignal();
  const { check, from } = await findSecret(flags);
  const receiver = await startReceiver({
    port: flags.port,
    secret: check,
    status: flags.status,
    ...(flags.delay !== undefined && { delayMs: flags.delay }),
    ...(flags.retryAfter !== undefined && { retryAfter: flags.retryAfter }),
    ...(flags.limit !== undefined && { maxBytes: flags.limit }),
    onCallback: (callback) => process.stdout.write(`${flags.json ? asJson(callback) : shown(callback)}\n`),
  });
  const say = (text: string) => (flags.json ? process.stderr : process.stdout).write(`${text}\n`);
  say(`listening on ${receiver.url}, answering ${flags.status.join(', ')}; signatures: ${from}`);
  say('Ringback calls it when started with RINGBACK_ALLOW_NETWORKS=127.0.0.0/8');
  if (!ended.aborted) await once(ended, 'abort');
  await receiver.close();
}

type Found = { check: CheckSignature | null; from: string };

/** The one given; else the environment's; else those of the account that the API key opens. */
async function findSecret(flags: LocalFlags): Promise<Found> {
  if (flags.secret !== undefined)
    return { check: givenSecrets([flags.secret]), from: 'checked with --secret' };
  const env = { ...readDotEnv(), ...process.env };
  const listed = (env.RINGBACK_SIGNING_SECRET ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  if (listed.length > 0) return { check: givenSecrets(listed), from: 'checked with RINGBACK_SIGNING_SECRET' };
  let client: Client;
  try {
    client = clientOf(flags);
  } catch {
    return { check: null, from: 'not checked (give --secret, or the API key in RINGBACK_API_KEY)' };
  }
  try {
    return { check: await accountSecrets(client), from: "checked with the account's secrets" };
  } catch (error) {
    return { check: null, from: `not checked (${(error as Error).message})` };
  }
}

function shown(callback: ReceivedCallback): string {
  const [first = '', ...rest] = formatCallback(callback, 400).split('\n');
  const verdict = verdictOf(callback);
  const colour = verdict === 'signature valid' ? 'green' : callback.signature ? 'red' : 'yellow';
  return [
    '',
    `${tint('dim', clock(new Date()))}  answered ${tintStatus(callback.status)}`,
    tint('bold', first),
    ...rest.slice(0, -1),
    tint(colour, rest.at(-1) ?? ''),
  ].join('\n');
}

function asJson({ method, path, headers, body, status, unreadable, signature }: ReceivedCallback): string {
  return printableJson({
    received_at: new Date().toISOString(),
    method,
    path,
    headers,
    body,
    status,
    signature: signature && (signature.ok ? 'valid' : 'invalid'),
    error: unreadable ?? (signature && !signature.ok ? signature.reason : null),
  });
}
