// The answer to everything that was thrown: in the shape of the routes that were asked.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from '../errors.ts';
import type { ShortageLog } from '../shortage-log.ts';
import { isOpenai, openaiRefusal } from './openai/refusal.ts';
import { asRefusal, problem } from './problem.ts';

type Refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply;

export const refuseWith =
  (shortages: ShortageLog): Refuse =>
  (error, request, reply) => {
    // The front was faster: it refused a body that came too slowly.
    if (reply.raw.headersSent) return reply.hijack();
    const refusal = asRefusal(error);
    if (!refusal) request.log.error({ err: error, path: request.routeOptions.url }, 'request failed');
    else shortages.met(error, 'a request');
    if (refusal?.retryAfterSeconds !== undefined) reply.header('retry-after', refusal.retryAfterSeconds);
    const { url, id } = request;
    if (isOpenai(url)) {
      const { status, body, retry } = openaiRefusal(refusal ?? new HttpError('internal_error'));
      // Its clients try again by the status alone, unless they are told.
      return reply
        .headers({ 'x-request-id': id, 'x-should-retry': String(retry) })
        .code(status)
        .send(body);
    }
    const body = problem(refusal ?? new HttpError('internal_error'), { url, id }, new Date());
    return reply.code(body.statusCode).send(body);
  };
