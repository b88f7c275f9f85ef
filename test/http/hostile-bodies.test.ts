// Whatever a body holds, the answer is a 201 or a refusal that names its field: generated ones, made from the schema
// itself with mutations, and plain garbage, through the real routes onto a real database. HOSTILE_BODIES=10000 for more.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JobRequest } from '../../src/http/job-request.ts';
import { type Api, startApi } from '../rig/api.ts';

const BODIES = Number(process.env.HOSTILE_BODIES ?? 1_000);

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

/** Strings that parsers, databases and URL rules trip over. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '',
    '\u0000',
    'a\u0000b',
    '\ud800',
    '\udc00x',
    '__proto__',
    'constructor',
    'https://app.example.org/h?x=\u0000',
    'https://app.example.org/\ud800',
    'https://[::1',
    'http://169.254.169.254/',
    'x'.repeat(9_000),
  ),
);
const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(-0, 1e308, 2 ** 53, -1, 0.5));
const leaf = fc.oneof(text, number, fc.boolean(), fc.constant(null));
const anything = fc.oneof(
  leaf,
  fc.array(leaf, { maxLength: 3 }),
  fc.dictionary(text, leaf, { maxKeys: 3 }),
  fc.dictionary(text, fc.dictionary(text, fc.array(leaf, { maxLength: 2 }), { maxKeys: 2 }), { maxKeys: 2 }),
);

type Schema = {
  type?: string;
  enum?: readonly string[];
  anyOf?: Schema[];
  items?: Schema;
  minItems?: number;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Schema>;
};

/** A value as the schema has it. */
function fitting(schema: Schema, name = ''): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => fitting(one)));
  const { minimum: min = -1_000, maximum: max = 1_000 } = schema;
  switch (schema.type) {
    case 'string':
      return name.endsWith('url')
        ? fc.constantFrom('https://cdn.example.org/a.mp3?x=%00', 'https://app.example.org:8443/hooks#y')
        : fc.constant('en');
    case 'boolean':
      return fc.boolean();
    case 'number':
      return fc.double({ min, max, noNaN: true });
    case 'integer':
      return fc.integer({ min, max });
    case 'array':
      return fc.array(fitting(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: 2 });
    case 'object': {
      const own = Object.entries(schema.properties ?? {}).map(([key, one]) => [key, fitting(one, key)]);
      return own.length === 0
        ? fc.constant({ order: 'A-18', deep: [{ 'ключ.1': 1.5 }] })
        : fc.record(Object.fromEntries(own), { requiredKeys: [] });
    }
    default:
      return anything;
  }
}

const { properties } = JobRequest as unknown as { properties: Record<string, Schema> };
const fields = Object.keys(properties);
// A few of the fields at a time: with all of them there is always one rule that is broken.
const valid = fc
  .tuple(fitting(JobRequest as unknown as Schema), fc.subarray(fields, { maxLength: 4 }))
  .map(([body, kept]) => ({
    ...Object.fromEntries(Object.entries(body as object).filter(([name]) => kept.includes(name))),
    audio_url: 'https://cdn.example.org/a.mp3',
  }));
const mutation = fc.tuple(
  fc.oneof(fc.constantFrom(...fields, 'custom_metadata', 'callback_config'), text),
  anything,
);
const mutated = fc
  .tuple(valid, fc.array(mutation, { maxLength: 2 }))
  .map(([body, mutations]) => JSON.stringify({ ...body, ...Object.fromEntries(mutations) }));
const garbage = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.string(),
  anything.map((value) => JSON.stringify(value)),
  // What a broken network or a careless client makes of a good body.
  fc.tuple(mutated, fc.nat()).map(([good, at]) => good.slice(0, at % (good.length + 1))),
  fc.tuple(mutated, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([good, at, byte]) => {
    const bytes = Buffer.from(good);
    bytes[at % bytes.length] = byte;
    return bytes;
  }),
);
const body = fc.oneof({ weight: 4, arbitrary: mutated }, { weight: 1, arbitrary: garbage });

let accepted = 0;

/** What is wrong with an answer, or null. */
async function trouble(payload: string | Buffer): Promise<string | null> {
  const { status, json: answer } = await api.call({ method: 'POST', url: '/v2/pre-recorded', body: payload });
  if (status === 201) {
    accepted++;
    return null;
  }
  if (status !== 400) return `status ${status}: ${JSON.stringify(answer)}`;
  const sentences: unknown = answer.validation_errors;
  if (!Array.isArray(sentences) || sentences.length === 0) return `no sentence: ${JSON.stringify(answer)}`;
  const roots = ['body', 'request', ...fields, ...namesOf(payload)];
  const vague = sentences.find((sentence) => !roots.some((root) => String(sentence).startsWith(root)));
  return vague === undefined ? null : `a sentence without a path: ${vague}`;
}

/** Unknown fields may be named in a refusal, too. */
function namesOf(payload: string | Buffer): string[] {
  try {
    return Object.keys(JSON.parse(payload.toString())).map((name) => name.slice(0, 200) || '.');
  } catch {
    return [];
  }
}

test(`${BODIES} generated bodies: accepted, or refused with sentences that begin with a path; never a 5xx`, async () => {
  const twenty = fc.array(body, { minLength: 20, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(twenty, async (bodies) => {
      const troubles = await Promise.all(bodies.map(trouble));
      expect(troubles.filter((one) => one !== null)).toEqual([]);
    }),
    { numRuns: BODIES / 20, seed: 20_261_124, endOnFailure: true },
  );
  // Bodies that are all refused would not come as far as the database.
  expect(accepted).toBeGreaterThan(BODIES / 10);
}, 900_000);
