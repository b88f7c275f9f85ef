// The dashboard at `/`: files that `npm run build` made of `web/`. They need no key and hold no data: the page asks its
// user for a key and calls the same routes as everybody.
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { type Fixed, readFixed, sendFixed } from './fixed.ts';
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
  const page = (await readBuilt(folder)).get(PAGE);
  server.get('/', { schema: getDashboard }, async (request, reply) => {
    if (page) return sendFixed(request, reply.headers(HEADERS), page);
    throw new HttpError('route_unknown', {
      message: 'The dashboard is not built here: run `npm run build`, then start again.',
    });
  });
  // The page names the files of one build: it is asked for at every visit, they never change.
  const headers = { ...HEADERS, 'cache-control': 'public, max-age=31536000, immutable' };
  for (const [name, file] of page ? await readBuilt(join(folder, 'assets')) : [])
    server.get(`/assets/${name}`, async (request, reply) => sendFixed(request, reply.headers(headers), file));
}

/** Empty where nothing was built. */
async function readBuilt(folder: string): Promise<Map<string, Fixed>> {
  try {
    return await readFixed(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
}
