// One LISTEN connection, kept alive: when it ends or falls silent there is a new one, one at a time.
import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import { clientWithin } from './client.ts';

/** Between the end of a connection, or of a failed try, and the next. */
const RECONNECT_MS = 500;
/** A listener only ever waits, so it asks now and then whether anybody is there. */
const HEARTBEAT_MS = 10_000;
const SILENCE_MS = 5_000;

export type ListenOptions = {
  connection: pg.ClientConfig;
  channel: string;
  /** On every NOTIFY, and once with '' after each (re)connect, for what was missed. */
  heard: (payload: string) => void;
  onError: (error: Error) => void;
};

/** Resolves once it listens, rejects when the first connection fails; the returned function ends it. */
export async function listen(options: ListenOptions): Promise<() => Promise<void>> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const first = Promise.withResolvers<void>();
  let listened = false;
  const ready = () => {
    listened = true;
    first.resolve();
  };

  const listening = (async () => {
    while (!signal.aborted) {
      try {
        await listenOnce(options, ready, signal);
      } catch (error) {
        if (!listened) return first.reject(error);
        if (!signal.aborted) options.onError(error as Error);
      }
      await wait(RECONNECT_MS, undefined, { signal }).catch(() => {});
    }
  })();

  await first.promise;
  return async () => {
    stopping.abort();
    await listening;
  };
}

/** One connection from its beginning to its end. */
async function listenOnce(
  { connection, channel, heard, onError }: ListenOptions,
  ready: () => void,
  signal: AbortSignal,
): Promise<void> {
  const Client = clientWithin(SILENCE_MS);
  const client = new Client(connection);
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  client.on('error', onError);
  client.on('notification', (message) => heard(message.payload ?? ''));
  try {
    await client.connect();
    await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    ready();
    heard('');
    while (await stillThere(ended, signal)) await client.query('SELECT 1');
  } finally {
    await client.end().catch(() => {});
  }
}

/** After a while of quiet: true, unless the connection ended or we are to stop. */
async function stillThere(ended: Promise<void>, signal: AbortSignal): Promise<boolean> {
  const quiet = new AbortController();
  const over = AbortSignal.any([quiet.signal, signal]);
  const waited = wait(HEARTBEAT_MS, true, { signal: over }).catch(() => false);
  const there = await Promise.race([waited, ended.then(() => false)]);
  quiet.abort();
  return there;
}
