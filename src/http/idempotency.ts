// `Idempotency-Key`: the same key and the same body get the same answer, however often and however close together they
// come. Only what was made is kept: a request that was refused may be mended and sent under the same key.
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from '../errors.ts';
import type { Db } from '../store/database.ts';
import { type Answer, findAnswer, type KeyedRequest } from '../store/idempotency.ts';

const KEY = /^[\x21-\x7e]{1,255}$/;

/** Whose key this request carries, or null; throws `request_invalid`. */
export function idempotencyKey(
  request: FastifyRequest,
  route: string,
): Omit<KeyedRequest, 'bodyHash'> | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !KEY.test(key))
    throw new HttpError('request_invalid', {
      sentences: ['idempotency-key must be 1 to 255 visible ASCII characters without spaces, such as a UUID'],
    });
  return { accountId: request.account, route, key };
}

/** SHA-256 of a JSON body. The order of an object's keys does not count: several languages shuffle it. */
export function hashJson(body: unknown): Buffer {
  return createHash('sha256')
    .update(`json\0${sortedJson(body)}`)
    .digest();
}

function sortedJson(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`;
  const object = value as Record<string, unknown>;
  const fields = Object.keys(object).sort();
  return `{${fields.map((name) => `${JSON.stringify(name)}:${sortedJson(object[name])}`).join(',')}}`;
}

/** The answer this request was given before; throws `idempotency_key_reused`. */
export async function earlierAnswer(db: Db, keyed: KeyedRequest | null): Promise<Answer | undefined> {
  const found = keyed === null ? undefined : await findAnswer(db, keyed);
  if (found === 'other_body') throw new HttpError('idempotency_key_reused');
  return found;
}

/**
 * `make` writes its rows and the answer under the key, in one transaction, and throws `idempotency_key_taken` when an
 * equal request was faster. `repeated`: the answer is an earlier one, and nothing was made.
 */
export async function answerOnce(
  db: Db,
  keyed: KeyedRequest | null,
  make: () => Promise<Answer>,
): Promise<Answer & { repeated: boolean }> {
  for (;;) {
    const earlier = await earlierAnswer(db, keyed);
    if (earlier) return { ...earlier, repeated: true };
    try {
      return { ...(await make()), repeated: false };
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'idempotency_key_taken') throw error;
    }
  }
}

export function sendAnswer(reply: FastifyReply, answer: Answer & { repeated: boolean }): FastifyReply {
  if (answer.repeated) reply.header('idempotent-replayed', 'true');
  return reply.code(answer.status).type('application/json').send(answer.body);
}
