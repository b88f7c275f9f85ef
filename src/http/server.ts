// Builds the HTTP side; never listens. Requests become rows, rows become responses.
import type { RequestListener } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import multipart from '@fastify/multipart';
import rateLimit from '@fastify/rate-limit';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { HttpError } from '../errors.ts';
import { changesNumbers, readNumbers } from '../exact-json.ts';
import { withoutNulls } from '../nulls.ts';
import type { ShortageLog } from '../shortage-log.ts';
import { serverVersion } from '../store/database.ts';
import { countQueued } from '../store/jobs.ts';
import type { Tracing } from '../trace.ts';
import { inTurns } from '../turns.ts';
import { AnswerRoom } from './answer-room.ts';
import { auditRoutes } from './audit.ts';
import { authenticate, type FindAccount } from './auth.ts';
import { BodyRoom } from './body-room.ts';
import { callbackRoutes } from './callbacks.ts';
import { clippedPath } from './clip.ts';
import { dashboardRoutes } from './dashboard.ts';
import type { DataAudio } from './data-url.ts';
import { databaseProbe } from './database-probe.ts';
import { endpointRoutes } from './endpoints.ts';
import { eventRoutes } from './events.ts';
import { fileRoutes } from './files.ts';
import { createFront, type FrontLimits } from './front.ts';
import { type HealthDeps, healthRoutes } from './health.ts';
import { hostRoutes } from './hosts.ts';
import { type InboxDeps, inboxDoor } from './inbox-door.ts';
import { inboxRequestRoutes } from './inbox-requests.ts';
import { inboxesOff, inboxRoutes } from './inboxes.ts';
import { type JobDeps, jobRoutes } from './jobs.ts';
import { keyRoutes } from './keys.ts';
import { refuseUnknown } from './known.ts';
import { type Limits, Places, QueueLimit } from './limits.ts';
import { type MetricsDeps, metricsRoutes } from './metrics.ts';
import { type OpenaiDeps, openaiRoutes } from './openai/routes.ts';
import { describeRoutes } from './openapi.ts';
import { isUnread, mayBeLarge, USUAL_PATIENCE } from './patience.ts';
import { isRaw, takeRaw } from './raw-body.ts';
import { newRequestId } from './raw-refusal.ts';
import { referencePage } from './reference-page.ts';
import { refuseWith } from './refuse.ts';
import { replayRoutes } from './replays.ts';
import { searchRoutes } from './search.ts';
import { sentRequestRoutes } from './sent-requests.ts';
import { type SigningSecretDeps, signingSecretRoutes } from './signing-secrets.ts';
import { statsRoutes } from './stats.ts';
import { type TestCallbackDeps, testCallbackRoutes } from './test-callbacks.ts';
import { traceRequests } from './traces.ts';
import { uploadRoutes } from './upload.ts';
import { unstorable } from './validation.ts';
import { validatorCompiler } from './validator.ts';
import { type WebhookDeps, webhookRoutes } from './webhooks.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The account of the request's key; empty on routes that need none. */
    account: string;
    /**
     * The body as it came, to be kept and passed on: before nulls were taken out for validation, and with its numbers to
     * the letter. What is to be counted with is in `body`.
     */
    sent: unknown;
    /** What was made of a request that was not quite right; null: nobody looked. */
    notes: readonly string[] | null;
    /** Audio that came in the request itself. */
    data: DataAudio | null;
    /** The text of a body with a number that JavaScript would write otherwise, until it is read into `sent`. */
    exactText: string | null;
    /** Gives back its place among the large bodies. */
    bodyIsRead: (() => void) | null;
  }
}

/** Made here, one for all routes that share it. */
type Shared = 'places' | 'queueLimit' | 'answers';

export type HttpDeps = Omit<JobDeps & OpenaiDeps, Shared> &
  SigningSecretDeps &
  MetricsDeps &
  HealthDeps &
  TestCallbackDeps &
  WebhookDeps & {
    log: FastifyBaseLogger;
    tracing: Tracing;
    shortages: ShortageLog;
    findAccount: FindAccount;
    limits: Limits;
    front: FrontLimits;
    bodies?: BodyRoom;
    /** Null: inboxes are turned off. */
    inboxes?: InboxDeps | null;
    /** Of the built dashboard; where the build puts it unless given. */
    dashboardFolder?: string;
  };

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE',
  // The star does not stand for `authorization`, but for the dozen headers that OpenAI's client adds in a browser.
  'access-control-allow-headers':
    'x-gladia-key,x-gladia-version,authorization,content-type,idempotency-key,last-event-id,traceparent,tracestate,*',
  'access-control-expose-headers':
    'retry-after,idempotent-replayed,x-request-id,x-should-retry,x-ringback-transcription,x-ratelimit-limit,x-ratelimit-remaining,x-ratelimit-reset',
} as const;

export async function buildServer(given: HttpDeps): Promise<FastifyInstance> {
  const deps = withShared(given);
  const refuse = refuseWith(deps.shortages);
  const server = Fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: deps.limits.requestBytes,
    serverFactory: (handle) => createFront(withInboxes(handle as RequestListener, deps), deps.front),
    // The front answers what is no HTTP.
    clientErrorHandler: () => {},
    genReqId: newRequestId,
    requestIdHeader: false,
    rewriteUrl: ({ url = '/' }) => originForm(url),
    routerOptions: { ignoreTrailingSlash: true },
    // What is no request at all (a path that cannot be decoded) is answered like any other refusal.
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply.headers(CORS)),
  });
  server.setValidatorCompiler(validatorCompiler());
  server.removeContentTypeParser('text/plain');
  acceptJson(server);
  await server.register(multipart);
  server.decorateRequest('account', '');
  server.decorateRequest('sent', null);
  server.decorateRequest('notes', null);
  server.decorateRequest('data', null);
  server.decorateRequest('exactText', null);
  server.decorateRequest('bodyIsRead', null);

  traceRequests(server, deps.tracing);
  server.addHook('onRequest', async (request, reply) => {
    reply.headers(CORS);
    // Before its body is waited for.
    if (request.is404) throw unknownRoute(request);
  });
  // Answered before the whole request was read: where its rest would end and the next begin, only its sender knows.
  server.addHook('onSend', async (request, reply) => {
    if (isUnread(request.raw)) reply.header('connection', 'close');
  });
  server.options('/*', async (_request, reply) => reply.code(204).send());

  server.setErrorHandler(refuse);

  await describeRoutes(server, deps.version);
  await referencePage(server);
  endConnectionsOnClose(server, deps);

  await dashboardRoutes(server, deps.dashboardFolder);
  const database = databaseProbe(() => serverVersion(deps.db));
  healthRoutes(server, { ...deps, database });
  metricsRoutes(server, { ...deps, database });
  await server.register(async (guarded) => {
    guarded.addHook('onRequest', async (request) => {
      request.account = await authenticate(request, deps.findAccount);
    });
    const { requestsPerMinute } = deps.limits;
    if (requestsPerMinute !== null)
      await guarded.register(rateLimit, {
        max: requestsPerMinute,
        timeWindow: 60_000,
        keyGenerator: (request) => request.account,
        errorResponseBuilder: (_request, { ttl }) =>
          new HttpError('requests_too_many', { retryAfterSeconds: Math.ceil(ttl / 1_000) }),
      });
    const bodies = deps.bodies ?? new BodyRoom();
    guarded.addHook('preParsing', async (request, reply) => {
      if (isStreamed(request) || !mayBeLarge(request.headers)) return;
      // Refused before it is read.
      if (Number(request.headers['content-length']) > deps.limits.requestBytes) return;
      request.bodyIsRead = await bodies.enter(request.account, reply.raw);
    });
    guarded.addHook('preValidation', async (request) => {
      request.bodyIsRead?.();
      request.sent = request.body;
      if (isStreamed(request)) return;
      // To read 1 MB of small values, and each of these steps, takes up to 80 ms: others have their turns in between.
      const turn = mayBeLarge(request.headers) ? () => setImmediate() : async () => {};
      await turn();
      const trouble = unstorable(request.body);
      if (trouble !== null) throw new HttpError('request_invalid', { sentences: [trouble] });
      // No deeper than can be walked, from here on.
      if (request.exactText !== null) request.sent = await inTurns(readNumbers(request.exactText));
      request.exactText = null;
      await turn();
      request.body = withoutNulls(request.body);
      await turn();
    });
    refuseUnknown(guarded);
    guarded.addHook('preHandler', async (request) => {
      if (mayBeLarge(request.headers)) await setImmediate();
    });
    await guarded.register(async (routes) => {
      takeRaw(routes);
      uploadRoutes(routes, deps);
    });
    fileRoutes(guarded, deps);
    jobRoutes(guarded, deps);
    callbackRoutes(guarded, deps);
    testCallbackRoutes(guarded, deps);
    sentRequestRoutes(guarded, deps);
    statsRoutes(guarded, deps);
    replayRoutes(guarded, deps);
    endpointRoutes(guarded, deps);
    hostRoutes(guarded, deps);
    searchRoutes(guarded, deps);
    webhookRoutes(guarded, deps);
    signingSecretRoutes(guarded, deps);
    keyRoutes(guarded, deps);
    auditRoutes(guarded, deps);
    eventRoutes(guarded, deps);
    await guarded.register(async (routes) => {
      if (!deps.inboxes) inboxesOff(routes);
      inboxRoutes(routes, deps);
      inboxRequestRoutes(routes, { ...deps, hub: deps.inboxes?.hub ?? null });
    });
    await guarded.register(async (routes) => openaiRoutes(routes, deps));
  });
  return server;
}

function withShared(deps: HttpDeps) {
  const { uploads, queuedJobs } = deps.limits;
  return {
    ...deps,
    places: new Places(uploads, 'uploads_too_many'),
    queueLimit: new QueueLimit(queuedJobs, (accountId, most) => countQueued(deps.db, accountId, most)),
    answers: new AnswerRoom(),
  };
}

/**
 * Closing waits for whoever is connected: those who wait are answered, streams end, and a connection ends with the answer
 * it is busy with. Left alive, it would hold up the end for as long as keepAliveTimeout. Whoever asked for a file and does not
 * read it (a player that is paused) would hold it up for a minute and more: after `closeMs` he is cut off.
 */
function endConnectionsOnClose(
  server: FastifyInstance,
  { listeners, inboxes, front }: Pick<HttpDeps, 'listeners' | 'inboxes' | 'front'>,
): void {
  const { closeMs } = front.patience ?? USUAL_PATIENCE;
  let closing = false;
  server.addHook('preClose', async () => {
    closing = true;
    listeners.drain();
    inboxes?.hub.drain();
    const cut = setTimeout(() => server.server.closeAllConnections(), closeMs);
    server.server.once('close', () => clearTimeout(cut));
  });
  server.addHook('onResponse', async (request) => {
    if (closing) request.raw.socket.end();
  });
}

function withInboxes(handle: RequestListener, deps: HttpDeps): RequestListener {
  if (!deps.inboxes) return handle;
  return inboxDoor(handle, { ...deps, ...deps.inboxes, requestsPerMinute: deps.limits.requestsPerMinute });
}

function unknownRoute({ method, url }: FastifyRequest): HttpError {
  return new HttpError('route_unknown', {
    message: `Cannot ${method} ${clippedPath(url)}`,
  });
}

/** A request to a proxy names the whole address: this server is meant, whatever host it says (RFC 9112, 3.2.2). */
function originForm(target: string): string {
  if (target.startsWith('/') || !URL.canParse(target)) return target;
  const { pathname, search } = new URL(target);
  return pathname.startsWith('/') ? `${pathname}${search}` : target;
}

/**
 * JSON, or nothing: clients that send `content-type: application/json` with every request send it with an empty DELETE as
 * well.
 */
function acceptJson(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeContentTypeParser('application/json');
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    if (changesNumbers(body as string)) request.exactText = body as string;
    parse(request, body as string, done);
  });
}

/** A file: its route reads it. */
function isStreamed(request: FastifyRequest): boolean {
  return request.isMultipart() || isRaw(request);
}
