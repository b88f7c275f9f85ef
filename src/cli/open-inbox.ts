// An inbox by its name, made when it is not there.
import { type Client, type Inbox, RingbackError } from '../client/client.ts';

/** With `forward`, one whose requests wait for an answer from elsewhere. */
export async function openInbox(
  client: Client,
  name: string,
  options: { forward?: true } = {},
): Promise<Inbox> {
  for await (const inbox of client.inboxes.list({ limit: 1_000 }))
    if (inbox.name === name || inbox.id === name)
      return !options.forward || inbox.forward ? inbox : client.inboxes.update(inbox.id, options);
  try {
    return await client.inboxes.create({ name, ...options });
  } catch (error) {
    // Somebody else was faster.
    if (error instanceof RingbackError && error.reason === 'inbox_name_taken')
      return openInbox(client, name, options);
    throw error;
  }
}
