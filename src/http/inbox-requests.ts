// What came to an inbox: listed, read whole, streamed, and answered by a forwarder.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { INBOX_LIMITS } from '../inbox.ts';
import type { TellingDb } from '../store/database.ts';
import { answerInboxRequest, listInboxRequests, readInboxBody } from '../store/inbox-requests.ts';
import type { FindAccount } from './auth.ts';
import { malformed, sendable } from './inbox-answer.ts';
import type { InboxHub } from './inbox-hub.ts';
import { theInbox } from './inboxes.ts';
import { endWithKey } from './key-watch.ts';
import { type Query, readLimit } from './page.ts';
import * as schemas from './schemas/inbox.ts';
import { showInboxRequest } from './show-inbox.ts';

type ById = { Params: { id: string } };
type ByNumber = { Params: { id: string; n: string } };

type Deps = { db: TellingDb; hub: InboxHub | null; findAccount: FindAccount };

export function inboxRequestRoutes(server: FastifyInstance, { db, hub, findAccount }: Deps): void {
  server.get<ById>('/api/inboxes/:id/requests', { schema: schemas.listInboxRequests }, async (request) => {
    const { limit, before } = readQuery(request.query as Query);
    const { id } = await theInbox(db, request.account, request.params.id);
    const found = await listInboxRequests(db, id, { limit: limit + 1, ...(before && { before }) });
    const shown = found.slice(0, limit);
    return {
      items: shown.map(showInboxRequest),
      next: found.length > limit ? String(shown.at(-1)?.number) : null,
    };
  });

  server.get<ByNumber>(
    '/api/inboxes/:id/requests/:n/body',
    { schema: schemas.getInboxBody },
    async (request, reply) => {
      const { id } = await theInbox(db, request.account, request.params.id);
      const body = await readInboxBody(db, id, numberOf(request.params.n));
      if (!body) throw new HttpError('inbox_request_unknown');
      // Anybody may have sent it: a browser saves it, whatever it is.
      return reply
        .type('application/octet-stream')
        .headers({
          'content-disposition': 'attachment',
          'x-content-type-options': 'nosniff',
          'content-security-policy': "sandbox; default-src 'none'",
          'cache-control': 'no-store',
        })
        .send(body);
    },
  );

  server.get<ById>(
    '/api/inboxes/:id/stream',
    // HEAD would open a stream that nobody reads.
    { exposeHeadRoute: false, schema: schemas.streamInbox },
    async (request, reply) => {
      const forward = readForward((request.query as Query).forward);
      const inbox = await theInbox(db, request.account, request.params.id);
      const last = request.headers['last-event-id'];
      const after = typeof last === 'string' && /^\d{1,15}$/.test(last) ? Number(last) : null;
      if (hub === null) throw new HttpError('inboxes_off');
      const stream = await hub.open(inbox, { forward, after });
      endWithKey(stream, request, { findAccount });
      return (
        reply
          .type('text/event-stream')
          .header('cache-control', 'no-store')
          // NGINX would otherwise collect events before it passes them on.
          .header('x-accel-buffering', 'no')
          .send(stream)
      );
    },
  );

  server.post<ByNumber>(
    '/api/inboxes/:id/requests/:n/answer',
    { schema: schemas.answerInbox },
    async (request, reply) => {
      const { id } = await theInbox(db, request.account, request.params.id);
      const answer = readAnswer(request.body as schemas.ForwardedAnswer);
      const outcome = await answerInboxRequest(db, id, numberOf(request.params.n), answer);
      if (outcome === 'unknown') throw new HttpError('inbox_request_unknown');
      if (outcome === 'over') throw new HttpError('inbox_request_over');
      return reply.code(204).send();
    },
  );
}

function readQuery(query: Query): { limit: number; before?: number } {
  const problems: string[] = [];
  const limit = readLimit(query, problems);
  const after = query.after === undefined || query.after === '' ? null : String(query.after);
  if (after !== null && !/^[1-9]\d{0,14}$/.test(after))
    problems.push('after must be the next of an earlier page');
  if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
  return { limit, ...(after !== null && { before: Number(after) }) };
}

function readForward(value: unknown): boolean {
  if (value === undefined || value === '' || value === 'false') return false;
  if (value === 'true') return true;
  throw new HttpError('request_invalid', { sentences: ['forward must be true or false'] });
}

function numberOf(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new HttpError('inbox_request_unknown');
  return Number(text);
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function readAnswer({ status = 200, headers = {}, body_base64 = '' }: schemas.ForwardedAnswer) {
  const problems = malformed(headers, 'headers');
  const body = Buffer.from(body_base64, 'base64');
  if (!BASE64.test(body_base64)) problems.push('body_base64 must be base64');
  if (body.length > INBOX_LIMITS.answerBytes)
    problems.push(`body_base64 must be of no more than ${INBOX_LIMITS.answerBytes} bytes`);
  if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
  return { status, headers: sendable(headers), body };
}
