// An inbox that fails twice and then takes what comes, and what came to it: two samples with their attempts, and a stranger.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/client/client.ts';

const LOOK_MS = 200;
/** The sample that was failed twice waits for its schedule; the page is shown before. */
const ARRIVED = 3;

export async function addInbox(client: Client): Promise<void> {
  const { id, address } = await client.inboxes.create({
    name: 'try my handler',
    answer: [
      { status: 500, body: 'not yet' },
      { status: 200, body: '{"taken": true}' },
    ],
  });
  await client.callbacks.test({ event: 'success', inbox: id });
  await client.callbacks.test({ event: 'error', inbox: id });
  await fetch(`${address}?from=curl`, { method: 'PUT', body: 'hello' });
  while ((await client.inboxes.get(id)).last_number < ARRIVED) await sleep(LOOK_MS);
}
