// The dashboard at `/`: files that `npm run build` made of `web/`. They need no key and hold no data: the page asks its
// user for a key and calls the same routes as everybody.
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { getDashboard } from './schemas/server.ts';

/** Where the build writes. */
const BUILT = join(import.meta.dirname, '../../web/dist');

const PAGE = 'index.html';

/** Scripts and styles are files of ours alone; audio is played from what the page downloaded with its key. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

export async function dashboardRoutes(server: FastifyInstance, folder = BUILT): Promise<void> {
  const built = await access(join(folder, PAGE)).then(
    () => true,
    () => false,
  );
  if (built)
    await server.register(fastifyStatic, {
      root: join(folder, 'assets'),
      prefix: '/assets/',
      cacheControl: false,
      index: false,
      setHeaders(reply, path) {
        reply.headers(HEADERS);
        // The page names the files of one build: it is asked for at every visit, they never change.
        const fresh = path.endsWith(PAGE) ? 'no-cache' : 'public, max-age=31536000, immutable';
        reply.header('cache-control', fresh);
      },
    });
  server.get('/', { schema: getDashboard }, async (_request, reply) => {
    if (built) return reply.sendFile(PAGE, folder);
    throw new HttpError('route_unknown', {
      message: 'The dashboard is not built here: run `npm run build`, then start again.',
    });
  });
}
