// One connection that hears and sends NOTIFY on a channel, kept alive: when it ends or falls silent there is a new one,
// one at a time.
import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import { clientWithin } from './client.ts';

/** Between the end of a connection, or of a failed try, and the next. */
const RECONNECT_MS = 500;
const SILENCE_MS = 5_000;

export type Wire = {
  /** One NOTIFY for each; rejects while there is no connection. */
  notify(payloads: readonly string[]): Promise<void>;
  stop(): Promise<void>;
};

export type WireOptions = {
  connection: pg.ClientConfig;
  channel: string;
  heard: (payload: string) => void;
  /** After each (re)connect: what was sent before was not heard. */
  connected: () => void;
  onError: (error: Error) => void;
};

/** Resolves once it listens, rejects when the first connection fails. */
export async function openWire(options: WireOptions): Promise<Wire> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const first = Promise.withResolvers<void>();
  let listened = false;
  let line: Line | undefined;
  const ready = (opened: Line) => {
    listened = true;
    line = opened;
    first.resolve();
    options.connected();
  };

  const listening = (async () => {
    while (!signal.aborted) {
      try {
        await listenOnce(options, ready, signal);
      } catch (error) {
        if (!listened) return first.reject(error);
        if (!signal.aborted) options.onError(error as Error);
      }
      line = undefined;
      await wait(RECONNECT_MS, undefined, { signal }).catch(() => {});
    }
  })();

  await first.promise;
  return {
    async notify(payloads) {
      if (!line) throw new Error('There is no connection to the database to send news on');
      await line('SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload', [
        options.channel,
        payloads,
      ]);
    },
    async stop() {
      stopping.abort();
      await listening;
    },
  };
}

/** Statements on one connection, one after the other. */
type Line = (text: string, values?: unknown[]) => Promise<unknown>;

function lineOf(client: pg.Client): Line {
  let last: Promise<unknown> = Promise.resolve();
  return (text, values) => {
    const ask = () => client.query(text, values);
    // Whoever asked before has heard of it when that failed.
    last = last.then(ask, ask);
    return last;
  };
}

/** One connection from its beginning to its end. */
async function listenOnce(
  { connection, channel, heard, onError }: WireOptions,
  ready: (line: Line) => void,
  signal: AbortSignal,
): Promise<void> {
  const Client = clientWithin(SILENCE_MS);
  const client = new Client(connection);
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  client.once('end', end);
  signal.addEventListener('abort', end);
  client.on('error', onError);
  client.on('notification', (message) => heard(message.payload ?? ''));
  try {
    await client.connect();
    const line = lineOf(client);
    await line(`LISTEN ${client.escapeIdentifier(channel)}`);
    // News need not outlive a crash of the database: they do not wait for its disk.
    await line('SET synchronous_commit = off');
    ready(line);
    // Whoever sends finds out that nobody is there any more, and the teller sends every few seconds.
    await over;
  } finally {
    signal.removeEventListener('abort', end);
    await client.end().catch(() => {});
  }
}
