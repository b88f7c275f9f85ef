// Figures of the account over a time.
import type { Stats, StatsQuery } from '../http/schemas/stats.ts';
import type { CallOptions, Connection } from './connection.ts';

export function statsOf(connection: Connection) {
  /** Of the last 24 hours unless asked otherwise. */
  return (query: StatsQuery = {}, call: CallOptions = {}) =>
    connection.json<Stats>('GET', '/api/stats', { ...call, query, has: 'total' });
}
