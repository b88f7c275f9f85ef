// A request's place in its caller's trace: continued, or begun where none came along. What a request makes (a job, a test
// callback) keeps it.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { NO_TRACING, type Span, type TraceContext, type Tracing, traceOf } from '../trace.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of this request; without a collector, of its caller; null: of neither. */
    trace: TraceContext | null;
  }
}

/** Streams of events last for hours. */
const UNTRACED = new Set(['/api/events']);

export function traceRequests(server: FastifyInstance, tracing: Tracing): void {
  server.decorateRequest('trace', null);
  server.addHook('onRequest', async (request, reply) => {
    const parent = traceOf(request.headers);
    request.trace = parent;
    const route = request.routeOptions.url?.replace(/(.)\/$/, '$1');
    // Health checks, figures and the dashboard's files would be most of what is recorded, and tell nothing.
    if (tracing === NO_TRACING || !route?.match(/^\/(?:v\d+|api)\//) || UNTRACED.has(route)) return;
    const span = tracing.start(`${request.method} ${route}`, {
      parent,
      kind: 'server',
      attributes: () => ({ 'http.request.method': request.method, 'http.route': route }),
    });
    request.trace = span.context;
    reply.raw.once('close', () => endOf(span, request, reply.raw.statusCode));
  });
}

/** As OpenTelemetry has it for servers: what a caller did wrong is no error of ours. */
function endOf(span: Span, request: FastifyRequest, status: number): void {
  span.end({
    attributes: () => ({
      'http.response.status_code': status,
      ...(request.account !== '' && { 'ringback.account.id': request.account }),
    }),
    error: status >= 500 ? String(status) : undefined,
  });
}
