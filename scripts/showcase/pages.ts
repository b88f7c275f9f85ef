// What there is to look at on the showcase's server: one of each page, by its address.
import type { Client } from '../../src/client/client.ts';

export type ShownPage = {
  name: string;
  /** After the `#/`. */
  hash: string;
  /** The looks that the documentation shows. */
  documented: readonly string[];
};

/** The first of a list, which goes no further. */
async function first<T>(list: AsyncIterable<T>): Promise<T> {
  for await (const one of list) return one;
  throw new Error('the showcase has none of them');
}

export async function pagesOf(client: Client): Promise<ShownPage[]> {
  const done = await first(client.transcriptions.list({ status: ['done'], limit: 1 }));
  const failed = await first(client.callbacks.list({ state: ['failed'], limit: 1 }));
  const delivered = await first(client.callbacks.list({ state: ['delivered'], limit: 1 }));
  const failing = await first(client.endpoints.list({ sort: 'failing', limit: 1 }));
  const inbox = await first(client.inboxes.list());
  return [
    { name: 'overview', hash: '', documented: ['', '-dark', '-phone'] },
    { name: 'transcriptions', hash: 'transcriptions', documented: [] },
    { name: 'transcription', hash: `transcriptions/${done.id}`, documented: [''] },
    { name: 'callbacks', hash: 'callbacks', documented: [''] },
    { name: 'callback', hash: `callbacks/${failed.id}`, documented: [''] },
    { name: 'callback-delivered', hash: `callbacks/${delivered.id}`, documented: [] },
    { name: 'endpoints', hash: 'endpoints?sort=failing', documented: ['-dark'] },
    { name: 'endpoint', hash: `endpoints/${failing.id}`, documented: [] },
    { name: 'inboxes', hash: 'inboxes', documented: [] },
    { name: 'inbox', hash: `inboxes/${inbox.id}`, documented: [''] },
    { name: 'replays', hash: 'replays', documented: [] },
    { name: 'account', hash: 'account', documented: [] },
    { name: 'new', hash: 'transcriptions/new', documented: [''] },
  ];
}
