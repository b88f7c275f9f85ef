// What waited for an inbox while nobody listened is sent as soon as somebody does, not when its schedule says.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { API_KEY, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';
import { startProgram } from '../rig/program.ts';
import { startReceiver } from '../rig/receiver.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));

test('listen sends what waits', async () => {
  const app = await startApp({ RINGBACK_ROLE: 'api,deliver', RINGBACK_RETRY_SCHEDULE: '0s,6h,6h' });
  const receiver = await startReceiver();
  const client = createClient({ url: app.url, key: API_KEY });
  await client.inboxes.create({ name: 'night', forward: true });
  const ids = [];
  for (const event of ['success', 'error'] as const)
    ids.push((await client.callbacks.test({ event, inbox: 'night' })).id);
  for (const id of ids)
    await eventually(
      () => client.callbacks.get(id),
      ({ attempts }) => attempts[0]?.status === 503,
    );
  const program = startProgram({
    command: process.execPath,
    args: [BINARY, 'listen', '--forward', receiver.url, '--inbox', 'night'],
    env: { RINGBACK_URL: app.url, RINGBACK_API_KEY: API_KEY },
  });
  try {
    await program.line('2 callbacks wait for this inbox: they are sent now');
    const requests = await receiver.next(2);
    expect(requests.map(({ headers }) => headers['webhook-id']).sort()).toEqual(ids.sort());
  } finally {
    await program.stop();
    await receiver.close();
    await app.stop();
  }
}, 60_000);
