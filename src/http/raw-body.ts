// Files as the body of a request, with a media type of their own.
import type { FastifyInstance, FastifyRequest } from 'fastify';

const RAW = /^(?:audio|video)\/|^application\/(?:octet-stream|ogg)(?:$|[ ;])/i;

/** Whether the body is a file: it is streamed, and nobody reads it before its route does. */
export function isRaw(request: FastifyRequest): boolean {
  return RAW.test(request.headers['content-type'] ?? '');
}

/** For the routes of this instance; to all others it is a type that is not taken. */
export function takeRaw(routes: FastifyInstance): void {
  routes.addContentTypeParser(RAW, (_request, _payload, done) => done(null, undefined));
}

/** What the client calls it: `x-filename`, `content-disposition`, or `filename` in the query; percent-encoded or not. */
export function rawName(request: FastifyRequest): string {
  const { 'x-filename': own, 'content-disposition': disposition = '' } = request.headers;
  const { filename } = request.query as { filename?: unknown };
  const [, extended, quoted, plain] =
    /filename\*=[\w-]+'[^']*'([^;\s]+)|filename="([^"]*)"|filename=([^;\s]+)/i.exec(disposition) ?? [];
  const name = [own, filename, extended, quoted, plain].find((one) => typeof one === 'string' && one !== '');
  return decoded(String(name ?? ''));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text).toWellFormed().replaceAll('\0', '');
  } catch {
    // A percent sign that is one.
    return text;
  }
}
