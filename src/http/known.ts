// What a route of ours is asked beyond what it knows is refused by name. Ignored, a misspelt filter would answer everything,
// and a field that nobody reads would look as if it had been honoured. The hosted API's own routes take what its clients send.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import { HttpError } from '../errors.ts';
import { clipped } from './clip.ts';
import { unknownField } from './validation.ts';

/** Ours: everything under /api, the callbacks of a transcription; and the lists, whose filters decide what is shown. */
const STRICT = /^\/api\/|^\/v2\/(?:pre-recorded|transcription)(?:\/?|\/:id\/callbacks)$/;

type Properties = Readonly<Record<string, TSchema>>;

/** Whether what a route does not know is refused there. */
export function isStrict(method: string, url: string): boolean {
  return STRICT.test(url) && (url.startsWith('/api/') || method === 'GET' || method === 'HEAD');
}

/** Before any other look at the query; bodies of routes that take none have no schema to be judged by. */
export function refuseUnknown(guarded: FastifyInstance): void {
  guarded.addHook('preValidation', async (request) => {
    const { url = '', schema } = request.routeOptions;
    if (!isStrict(request.method, url)) return;
    const documented = schema?.documented;
    const problems = unknownParameters(request.query, documented?.query?.properties ?? {});
    if (schema?.body === undefined) problems.push(...unwanted(request));
    if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
  });
}

const MOST_SENTENCES = 50;

/** `status[]` and `status[0]` are lists as other libraries write them, `custom_metadata[user]` is inside an object. */
function unknownParameters(query: unknown, known: Properties): string[] {
  const names = Object.keys(query ?? {}).filter((name) => {
    if (name === '') return false;
    const [base = ''] = name.split('[', 1);
    if (!Object.hasOwn(known, base)) return true;
    const { type } = known[base] as { type?: unknown };
    return base !== name && type !== 'array' && type !== 'object';
  });
  const list = Object.keys(known);
  const cure = list.length === 0 ? 'this route takes none' : `known are ${list.join(', ')}`;
  return names
    .slice(0, MOST_SENTENCES)
    .map((name) => `${clipped(name)} is not a known query parameter; ${cure}`);
}

function unwanted(request: FastifyRequest): string[] {
  const { body } = request;
  if (body === undefined || body === null || request.isMultipart()) return [];
  if (typeof body !== 'object' || Array.isArray(body))
    return ['body must be empty: this route takes no fields'];
  return Object.keys(body)
    .slice(0, MOST_SENTENCES)
    .map((name) => unknownField(clipped(name), []));
}
