// `Idempotency-Key`: the same key and the same body get the same answer, however often and however close together they
// come. Only what was made is kept: a request that was refused may be mended and sent under the same key.
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from '../errors.ts';
import { decimalOf, isSameValue } from '../exact-json.ts';
import type { Db } from '../store/database.ts';
import { type Answer, findAnswer, type KeyedRequest } from '../store/idempotency.ts';
import { breather } from '../turns.ts';

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

/** So many parts of a body are hashed in one step. */
const STEP = 500;

/**
 * SHA-256 of a JSON body. The order of an object's keys does not count: several languages shuffle it. Numbers count by
 * their value, with all their digits. In turns: 1 MB of
 * small values takes some 100 ms.
 */
export async function hashJson(body: unknown): Promise<Buffer> {
  const hash = createHash('sha256').update('json\0');
  const breath = breather();
  let parts: string[] = [];
  for (const part of sortedJson(body)) {
    parts.push(part);
    if (parts.length < STEP) continue;
    hash.update(parts.join(''));
    parts = [];
    await breath();
  }
  return hash.update(parts.join('')).digest();
}

function* sortedJson(value: unknown): Generator<string> {
  // However it is spelled; one that JavaScript has takes the same hash as before there were others.
  if (JSON.isRawJSON(value)) yield sortedNumber(value.rawJSON);
  else if (typeof value !== 'object' || value === null) yield `${JSON.stringify(value)}`;
  else if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      yield index === 0 ? '[' : ',';
      yield* sortedJson(value[index]);
    }
    yield value.length === 0 ? '[]' : ']';
  } else {
    const object = value as Record<string, unknown>;
    const names = Object.keys(object).sort();
    for (const [index, name] of names.entries()) {
      yield `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`;
      yield* sortedJson(object[name]);
    }
    yield names.length === 0 ? '{}' : '}';
  }
}

const sortedNumber = (text: string): string =>
  isSameValue(text) ? JSON.stringify(Number(text)) : decimalOf(text);

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
