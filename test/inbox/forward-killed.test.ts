// `listen --forward` while everything around it dies: a thousand callbacks, the server killed and restarted, the program down
// and up again. Nothing is lost, and only what was under way at the kill comes twice.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { API_KEY } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';
import { startExpress } from '../rig/express.ts';
import { serve } from '../rig/process.ts';
import { startProgram } from '../rig/program.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));
const CALLBACKS = 1_000;
/** Attempts in flight per endpoint, by default. */
const IN_FLIGHT = 4;

test('a thousand callbacks through a kill -9 of the server and a program that goes down', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-killed-'));
  const local = await startExpress('100kb');
  const settings = {
    RINGBACK_ROLE: 'api,deliver',
    RINGBACK_ALLOW_NETWORKS: '10.99.0.0/16',
    RINGBACK_RETRY_SCHEDULE: Array.from({ length: 60 }, () => '500ms').join(','),
  };
  let server = await serve(folder, settings);
  const { port } = new URL(server.url);
  const client = () => createClient({ url: server.url, key: API_KEY });
  const listening = startProgram({
    command: process.execPath,
    args: [BINARY, 'listen', '--forward', local.url, '--inbox', 'mine'],
    env: { RINGBACK_URL: server.url, RINGBACK_API_KEY: API_KEY },
  });
  try {
    await listening.line('forwarding to');
    const ids: string[] = [];
    const send = async (count: number) => {
      for (let sent = 0; sent < count; sent += 20)
        for (const { id } of await Promise.all(
          Array.from({ length: 20 }, () => client().callbacks.test({ event: 'success', inbox: 'mine' })),
        ))
          ids.push(id);
    };
    await send(CALLBACKS);
    const reached = (count: number) =>
      eventually(
        () => new Set(local.taken.map(({ id }) => id)).size,
        (size) => size >= count,
        120_000,
      );
    await reached(200);
    server.child.kill('SIGKILL');
    await server.exited;
    const before = local.taken.length;
    server = await serve(folder, { ...settings, RINGBACK_PORT: port });
    await listening.line('connected again');
    await reached(500);

    await local.down();
    await listening.line('is your program running?');
    await local.up();
    await reached(CALLBACKS);

    const counts = Map.groupBy(local.taken, ({ id }) => id);
    expect(new Set(counts.keys())).toEqual(new Set(ids));
    const twice = [...counts.values()].filter((all) => all.length > 1);
    expect(twice.length).toBeLessThanOrEqual(IN_FLIGHT);
    // Begun before the kill, all of them.
    for (const [first] of twice) expect(local.taken.indexOf(first as never)).toBeLessThan(before);
    await eventually(
      async () => {
        let count = 0;
        for await (const _ of client().callbacks.list({ state: ['delivered'], limit: 1_000 })) count++;
        return count;
      },
      (delivered) => delivered === CALLBACKS,
      30_000,
    );
    listening.signal('SIGINT');
    await listening.line('never').catch((error: Error) => expect(error.message).toContain('ended with 0'));
  } finally {
    await listening.stop();
    server.child.kill('SIGTERM');
    await server.exited;
    await local.down();
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);
