// Whatever is known of a transcription, a callback or an endpoint.
import type { SearchHit, SearchQuery } from '../http/schemas/search.ts';
import type { CallOptions, Connection } from './connection.ts';

export function searchOf(connection: Connection) {
  /** The surest first. */
  return async (query: SearchQuery, call: CallOptions = {}): Promise<SearchHit[]> =>
    (await connection.json<{ items: SearchHit[] }>('GET', '/api/search', { ...call, query, has: 'items' }))
      .items;
}
