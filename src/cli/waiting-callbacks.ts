// What waits for an inbox while nobody was there to answer: it is on its schedule, whose steps grow to hours. Whoever connects
// wants it now.
import type { Client, Inbox } from '../client/client.ts';

/** Sends at once what waits, and gives the sentence about it; null: nothing does. */
export async function sendWaiting(client: Client, { address, created_at }: Inbox): Promise<string | null> {
  for await (const endpoint of client.endpoints.list({ search: address })) {
    if (endpoint.url !== address || endpoint.undelivered === 0) continue;
    const waiting = `${endpoint.undelivered} callbacks wait for this inbox`;
    if (endpoint.state === 'disabled')
      return `${waiting}, which is disabled (${endpoint.disabled_reason}): ringback endpoints enable ${endpoint.id}`;
    const filter = { state: ['pending' as const], endpoint: endpoint.id, created_after: created_at };
    await client.replays.create({ filter });
    return `${waiting}: they are sent now`;
  }
  return null;
}
