// What a receiver is sent: the head of the last attempt (of the first to come, before any), and the body byte for byte.
// The signature is not kept with an attempt; whoever may read the account's secrets makes it anew from what is here.
import type { FastifyInstance } from 'fastify';
import { namesOf } from '../callback-headers.ts';
import { HttpError } from '../errors.ts';
import { maskedUrl } from '../mask.ts';
import { requestHead } from '../request-head.ts';
import type { Db } from '../store/database.ts';
import { findSentRequest, type SentRequest } from '../store/sent-request.ts';
import { isUuid } from './params.ts';
import * as schemas from './schemas/sent-request.ts';

type Deps = { db: Db; version: string };
type Params = { Params: { id: string } };

export function sentRequestRoutes(server: FastifyInstance, { db, version }: Deps): void {
  const find = async (account: string, id: string): Promise<SentRequest> => {
    const found = isUuid(id) ? await findSentRequest(db, account, id) : undefined;
    if (!found) throw new HttpError('callback_unknown');
    return found;
  };

  server.get<Params>(
    '/api/callbacks/:id/request',
    { schema: schemas.getSentRequest },
    async (request): Promise<schemas.SentRequest> => {
      const found = await find(request.account, request.params.id);
      const { body, started_at: started } = found;
      return {
        method: found.method,
        url: maskedUrl(found.url),
        attempt: found.attempts,
        headers: requestHead({
          id: found.id,
          url: found.url,
          isGzip: found.gzip,
          attempt: Math.max(1, found.attempts),
          timestamp: started && Math.floor(started.getTime() / 1_000),
          signature: null,
          own: namesOf(found.headers),
          version,
        }),
        bytes: body?.length ?? null,
      };
    },
  );

  server.get<Params>(
    '/api/callbacks/:id/request/body',
    { schema: schemas.getSentBody },
    async (request, reply) => {
      const { body } = await find(request.account, request.params.id);
      if (body === null) throw new HttpError('callback_body_gone');
      // It holds what strangers said: never to be shown as a page of ours.
      return reply
        .headers({ 'content-type': 'application/json', 'x-content-type-options': 'nosniff' })
        .send(body);
    },
  );
}
