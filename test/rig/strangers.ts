// `ringback serve` in a folder and on a database of its own, and strangers connected to it, byte by byte.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freshDatabase } from './postgres.ts';
import { descriptorsOf, megabytesOf } from './proc.ts';
import { type Served, serve } from './process.ts';
import { openRaw, type Raw } from './raw.ts';

export type Stormed = {
  server: Served;
  /** So many more strangers, connected. */
  open(count: number, options?: Parameters<typeof openRaw>[1]): Promise<Raw[]>;
  /** All of them are gone, without a word. */
  leave(): void;
  /** Of the server. */
  megabytes(): Promise<number>;
  descriptors(): Promise<number>;
  stop(): Promise<void>;
};

/** `descriptors`: file descriptors that the system allows the server. */
export async function serveStrangers(options: { descriptors?: number } = {}): Promise<Stormed> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-strangers-'));
  const database = await freshDatabase();
  const server = await serve(folder, { DATABASE_URL: database.url }, options);
  const pid = server.child.pid as number;
  let opened: Raw[] = [];
  const leave = () => {
    for (const { socket } of opened) socket.destroy();
    opened = [];
  };
  return {
    server,
    async open(count, how) {
      const more = await Promise.all(Array.from({ length: count }, () => openRaw(server.url, how)));
      opened.push(...more);
      return more;
    },
    leave,
    megabytes: () => megabytesOf(pid),
    descriptors: () => descriptorsOf(pid),
    async stop() {
      leave();
      server.child.kill('SIGTERM');
      await server.exited;
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
