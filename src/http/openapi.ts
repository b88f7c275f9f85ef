// The OpenAPI document, made of what the routes say about themselves. Needs no key.
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { type Fixed, fixed, sendFixed } from './fixed.ts';
import { isStrict } from './known.ts';
import { CALLBACK_REQUEST } from './schemas/callback.ts';
import { described, TAGS } from './schemas/operation.ts';
import { getDocument } from './schemas/server.ts';

const TWIN = '/v2/transcription';
/** Which requests cause one, and where in their bodies it is told to go. */
const CALLBACKS = {
  '/v2/pre-recorded': '{$request.body#/callback_config/url}',
  [TWIN]: '{$request.body#/callback_config/url}',
  '/v1/audio/transcriptions': '{$request.body#/callback_url}',
};

/** Before the routes: it hears of each as it is registered. */
export async function describeRoutes(server: FastifyInstance, version: string): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Ringback',
        version,
        description:
          'The transcription API that calls you back. The wire format is that of Gladia v2, pre-recorded.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      // Relative to where the document was read, so that the page calls the server it came from.
      servers: [{ url: '/' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: {
        securitySchemes: {
          key: { type: 'apiKey', in: 'header', name: 'x-gladia-key' },
          bearer: { type: 'http', scheme: 'bearer' },
        },
      },
      security: [{ key: [] }, { bearer: [] }],
    },
    hideUntagged: true,
    convertConstToEnum: false,
    transform: ({ schema, url, route }) => {
      if (!schema?.documented) return { schema, url };
      const { documented } = schema;
      const strict = [route.method].flat().some((method) => isStrict(method, url));
      const refusals = [...(documented.refusals ?? []), ...(strict ? (['request_invalid'] as const) : [])];
      const shown = described({ ...schema, documented: { ...documented, refusals } });
      return {
        // A route may be registered with and without its last slash.
        url: url.replace(/(?<=.)\/$/, ''),
        schema: url.startsWith(TWIN)
          ? { ...shown, operationId: `${shown.operationId}Twin`, deprecated: true }
          : shown,
      };
    },
    transformObject: (document) => {
      if (!('openapiObject' in document)) throw new Error('not an OpenAPI document');
      return finished(document.openapiObject);
    },
  });
  await server.register(async (routes) => documentRoutes(routes, () => server.swagger()));
}

function documentRoutes(routes: FastifyInstance, read: () => object): void {
  let document: Fixed;
  // Not before all routes are there; and once, for it takes 10 ms.
  routes.addHook('onReady', async () => {
    document = fixed('openapi.json', JSON.stringify(read()));
  });
  routes.get('/openapi.json', { schema: getDocument }, async (request, reply) =>
    sendFixed(request, reply, document),
  );
  // Where the page at /docs looks for it.
  routes.get('/docs/json', async (request, reply) => sendFixed(request, reply, document));
}

type Tree = Record<string, unknown>;

/** With the callback request, and with every titled schema once, under `components`. */
function finished<T extends object>(document: T): T {
  const tree = structuredClone(document) as T & {
    paths: Record<string, Record<string, Tree>>;
    components: Tree;
  };
  for (const [path, url] of Object.entries(CALLBACKS)) {
    const operation = tree.paths[path]?.post;
    if (operation) operation.callbacks = { transcription: { [url]: { post: CALLBACK_REQUEST } } };
  }
  const schemas: Tree = {};
  tree.paths = hoisted(tree.paths, schemas) as typeof tree.paths;
  tree.components.schemas = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
  return tree;
}

function hoisted(value: unknown, schemas: Tree): unknown {
  if (Array.isArray(value)) return value.map((item) => hoisted(item, schemas));
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hoisted(item, schemas)]));
  if (typeof copy.title !== 'string') return copy;
  const { title, ...schema } = copy;
  schemas[title as string] = schema;
  return { $ref: `#/components/schemas/${title}` };
}
