// Builds the HTTP side; never listens. Requests become rows, rows become responses.
import { randomBytes } from 'node:crypto';
import multipart from '@fastify/multipart';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { HttpError } from '../errors.ts';
import { withoutNulls } from '../nulls.ts';
import { authenticate, type FindAccount } from './auth.ts';
import { callbackRoutes } from './callbacks.ts';
import { endpointRoutes } from './endpoints.ts';
import { fileRoutes } from './files.ts';
import { type HealthDeps, healthRoutes } from './health.ts';
import { type JobDeps, jobRoutes } from './jobs.ts';
import { describeRoutes } from './openapi.ts';
import { asRefusal, problem } from './problem.ts';
import { replayRoutes } from './replays.ts';
import { type SigningSecretDeps, signingSecretRoutes } from './signing-secrets.ts';
import { type UploadDeps, uploadRoutes } from './upload.ts';
import { sentences, unstorable } from './validation.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The account of the request's key; empty on routes that need none. */
    account: string;
    /** The body as it came, before nulls were taken out for validation. */
    sent: unknown;
  }
}

export type HttpDeps = JobDeps &
  UploadDeps &
  SigningSecretDeps &
  HealthDeps & { log: FastifyBaseLogger; findAccount: FindAccount };

/** JSON bodies: a request with the longest metadata and vocabulary is far below this. */
const BODY_LIMIT = 1024 * 1024;

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE',
  'access-control-allow-headers': 'x-gladia-key,x-gladia-version,authorization,content-type,idempotency-key',
} as const;

export async function buildServer(deps: HttpDeps): Promise<FastifyInstance> {
  const server = Fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    // An upload may take long; a client that sends nothing may not.
    connectionTimeout: 0,
    requestTimeout: 0,
    keepAliveTimeout: 72_000,
    genReqId: () => `G-${randomBytes(4).toString('hex')}`,
    requestIdHeader: false,
    routerOptions: { ignoreTrailingSlash: true },
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: true },
    },
    schemaErrorFormatter: (errors) => new HttpError('request_invalid', { sentences: sentences(errors) }),
  });
  server.removeContentTypeParser('text/plain');
  await server.register(multipart);
  server.decorateRequest('account', '');
  server.decorateRequest('sent', null);

  server.addHook('onRequest', async (_request, reply) => {
    reply.headers(CORS);
  });
  server.options('/*', async (_request, reply) => reply.code(204).send());

  server.setErrorHandler((error, request, reply) => {
    const refusal = asRefusal(error);
    if (!refusal) request.log.error({ err: error, path: request.routeOptions.url }, 'request failed');
    const body = problem(
      refusal ?? new HttpError('internal_error'),
      { url: request.url, id: request.id },
      new Date(),
    );
    return reply.code(body.statusCode).send(body);
  });
  server.setNotFoundHandler((request) => {
    throw new HttpError('route_unknown', {
      message: `Cannot ${request.method} ${request.url.split('?', 1)[0]}`,
    });
  });

  await describeRoutes(server, deps.version);
  healthRoutes(server, deps);
  await server.register(async (guarded) => {
    guarded.addHook('onRequest', async (request) => {
      request.account = await authenticate(request, deps.findAccount);
    });
    guarded.addHook('preValidation', async (request) => {
      request.sent = request.body;
      if (request.isMultipart()) return;
      const trouble = unstorable(request.body);
      if (trouble !== null) throw new HttpError('request_invalid', { sentences: [trouble] });
      request.body = withoutNulls(request.body);
    });
    uploadRoutes(guarded, deps);
    fileRoutes(guarded, deps);
    jobRoutes(guarded, deps);
    callbackRoutes(guarded, deps);
    replayRoutes(guarded, deps);
    endpointRoutes(guarded, deps);
    signingSecretRoutes(guarded, deps);
  });
  return server;
}
