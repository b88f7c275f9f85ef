// What a route says about itself. Fastify checks the body; everything else stands under `documented`, where Fastify does
// not look: under `response` it would write answers anew (a record is spliced text, byte for byte), under `querystring`
// it would refuse numbers, which arrive as text.
import type {} from 'fastify';
import { type TObject, type TSchema, Type } from 'typebox';
import { ERRORS, type HttpErrorCode } from '../../errors.ts';
import { Problem } from './problem.ts';

export const TAGS = {
  Transcriptions: 'Audio in, words out: the hosted API, word for word.',
  Callbacks: 'Did they get it? Every delivery with every attempt, and sending again.',
  Webhooks: 'Standing subscriptions: hear of every transcription of the account.',
  Endpoints: 'Where callbacks go, and how it answers.',
  'Signing secrets': 'What signs callbacks (Standard Webhooks).',
  Events: 'What changes, as it changes.',
  Inboxes: 'Receivers of the server itself: to try things out, and to be forwarded.',
  Keys: 'The API keys of this account.',
  OpenAI: 'The shape of OpenAI, for clients that speak it: the words in the answer, or called back.',
  Server: 'Health and this document, without a key.',
} as const;

type Answer = {
  says: string;
  schema?: TSchema;
  mediaType?: string;
  /** Where another form may be asked for: by media type. */
  others?: Readonly<Record<string, TSchema>>;
};

export type Operation = {
  /** Its name in the document and in generated clients. */
  id: string;
  tag: keyof typeof TAGS;
  summary: string;
  description?: string;
  params?: TObject;
  query?: TObject;
  headers?: TObject;
  /** Where it is not what Fastify checks: by media type. */
  body?: Readonly<Record<string, TSchema>>;
  answers: Readonly<Record<number, Answer>>;
  /** Beside what every route may answer. */
  refusals?: readonly HttpErrorCode[];
  /** Where refusals have another body, and another status by code, than all others. */
  refused?: { schema: TSchema; statusOf: (code: HttpErrorCode) => number };
  keyless?: true;
  /** The request that this one's job will cause: what the receiver sees. */
  callback?: true;
};

declare module 'fastify' {
  interface FastifySchema {
    documented?: Operation;
  }
}

/** For the `schema` option of a route. `checked` is the JSON body. */
export function operation(
  documented: Operation,
  checked?: TSchema,
): { body?: TSchema; documented: Operation } {
  return { ...(checked && { body: checked }), documented };
}

/** A body that may be left out: a request without one is as good as one without fields. */
export const orNothing = (body: TObject): TSchema => Type.Unsafe({ ...body, type: ['object', 'null'] });

export const Id = Type.Object({ id: Type.String({ format: 'uuid' }) });
export const Time = Type.String({ format: 'date-time' });
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/** Answers have the fields they are said to have, and no others. */
export const closed = { additionalProperties: false } as const;

export const IdempotencyKey = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'The same key and the same body get the same answer, and nothing is made twice.',
    }),
  ),
});

/** Cursor pages: newest first. */
export const PageQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 50 })),
  after: Type.Optional(Type.String({ description: 'The `next` of the page before.' })),
});
export const pageOf = <T extends TSchema>(item: T) =>
  Type.Object(
    {
      items: Type.Array(item),
      next: Type.Union([Type.String(), Type.Null()], { description: 'Null on the last page.' }),
    },
    closed,
  );

/** In the form that @fastify/swagger reads. */
export function described({ documented, body }: { documented: Operation; body?: unknown }) {
  const { id, tag, summary, description, params, query, headers, answers, keyless } = documented;
  const asked = documented.body ? { content: mediaTypes(documented.body) } : body;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description && { description }),
    ...(params && { params }),
    ...(query && { querystring: query }),
    ...(headers && { headers }),
    ...(asked !== undefined && { body: asked }),
    ...(keyless && { security: [] }),
    response: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, shown(answer)])),
      ...refusals(documented),
    },
  };
}

function mediaTypes(schemas: Readonly<Record<string, TSchema>>) {
  return Object.fromEntries(Object.entries(schemas).map(([type, schema]) => [type, { schema }]));
}

function shown({ says, schema, mediaType = 'application/json', others }: Answer) {
  return schema
    ? { description: says, content: mediaTypes({ [mediaType]: schema, ...others }) }
    : { description: says, type: 'null' };
}

const HOUSE = { schema: Problem, statusOf: (code: HttpErrorCode) => ERRORS[code].status };

/** By status, each with the codes it may carry and their sentences. */
function refusals({ refusals = [], keyless, refused = HOUSE }: Operation) {
  const codes: HttpErrorCode[] = [...new Set(refusals), 'internal_error'];
  if (!keyless)
    codes.push('key_missing', 'key_unknown', 'requests_too_many', 'not_ready', 'overloaded', 'disk_full');
  const byStatus = Object.groupBy(codes, refused.statusOf);
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, group = []]) => [
      status,
      shown({
        says: group.map((code) => `\`${code}\`: ${ERRORS[code].says}`).join('\n\n'),
        schema: refused.schema,
      }),
    ]),
  );
}
