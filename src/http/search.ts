// One box for whatever somebody has in hand.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { maskedUrl } from '../mask.ts';
import type { Db } from '../store/database.ts';
import { type Found, search } from '../store/search.ts';
import type { Query } from './page.ts';
import * as schemas from './schemas/search.ts';

const USUAL = 20;
const MOST = 100;
const LONGEST = 200;

export function searchRoutes(server: FastifyInstance, { db }: { db: Db }): void {
  server.get(
    '/api/search',
    { schema: schemas.search },
    async (request): Promise<{ items: schemas.SearchHit[] }> => {
      const query = request.query as Query;
      const text = String(query.q ?? '').trim();
      const limit = query.limit === undefined ? USUAL : Number(query.limit);
      const sentences: string[] = [];
      if (text === '' || text.length > LONGEST || text.includes('\0'))
        sentences.push(`q must be a text of 1 to ${LONGEST} characters`);
      if (!Number.isInteger(limit) || limit < 1 || limit > MOST)
        sentences.push(`limit must be a whole number from 1 to ${MOST}`);
      if (sentences.length > 0) throw new HttpError('request_invalid', { sentences });
      const found = await search(db, { accountId: request.account, text, limit });
      return { items: found.map(show) };
    },
  );
}

function show({ kind, id, name, state, callback_state, matched, created_at }: Found): schemas.SearchHit {
  return {
    kind,
    id,
    name: maskedUrl(name),
    state,
    callback_state,
    matched,
    created_at: created_at.toISOString(),
  };
}
