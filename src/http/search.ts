// `GET /api/search?q=`: one box for what somebody has in hand, an id, a pair of their own metadata, a URL.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { maskedUrl } from '../mask.ts';
import type { Db } from '../store/database.ts';
import { type Found, findByIdBeginning, findByMetadata, findByUrl } from '../store/search.ts';
import { readMetadataQuery } from './metadata-query.ts';
import * as schemas from './schemas/search.ts';

/** Fewer digits begin too many. */
const ID_BEGINNING =
  /^[0-9a-f]{4,8}$|^[0-9a-f]{8}-(?:[0-9a-f]{0,4}$|[0-9a-f]{4}-(?:[0-9a-f]{0,4}$|[0-9a-f]{4}-(?:[0-9a-f]{0,4}$|[0-9a-f]{4}-[0-9a-f]{0,12}$)))/i;
const PAIR = /^([^=\s:/?]{1,100})=(.+)$/s;

export function searchRoutes(server: FastifyInstance, { db }: { db: Db }): void {
  server.get('/api/search', { schema: schemas.search }, async (request) => {
    const text = asked((request.query as { q?: unknown }).q);
    return { items: await found(db, request.account, text) };
  });
}

function asked(given: unknown): string {
  const text = typeof given === 'string' ? given.trim() : '';
  const problem =
    text === ''
      ? 'q must be what to look for: an id or its beginning, key=value of custom_metadata, or a part of a URL'
      : text.length > schemas.SEARCH_CHARACTERS
        ? `q must be shorter than or equal to ${schemas.SEARCH_CHARACTERS} characters`
        : null;
  if (problem !== null) throw new HttpError('request_invalid', { sentences: [problem] });
  return text;
}

async function found(db: Db, account: string, text: string): Promise<schemas.Found[]> {
  if (ID_BEGINNING.test(text)) {
    const items = await findByIdBeginning(db, account, text.toLowerCase());
    if (items.length > 0) return items.map((item) => show(item, 'id'));
  }
  const pair = PAIR.exec(text);
  if (pair) {
    const problems: string[] = [];
    const metadata = readMetadataQuery({ [`custom_metadata[${pair[1]}]`]: pair[2] }, problems);
    // What is no pair that metadata can have is a text like any other.
    const items = metadata && problems.length === 0 ? await findByMetadata(db, account, metadata) : [];
    if (items.length > 0) return items.map((item) => show(item, 'custom_metadata'));
  }
  return (await findByUrl(db, account, text)).map((item) => show(item, 'url'));
}

function show({ created_at, title, ...rest }: Found, matched: schemas.Found['matched']): schemas.Found {
  return {
    ...rest,
    title: title === null ? null : URL.canParse(title) ? maskedUrl(title) : title,
    matched,
    created_at: created_at.toISOString(),
  };
}
