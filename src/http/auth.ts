// Whose request this is: the key in `x-gladia-key`, or as a bearer token, opens one account.
import type { FastifyRequest } from 'fastify';
import { HttpError } from '../errors.ts';

export type FindAccount = (key: string) => Promise<string | undefined>;

export function keyOf(request: FastifyRequest): string | undefined {
  const header = request.headers['x-gladia-key'];
  if (typeof header === 'string' && header !== '') return header;
  return /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
}

/** The account of the request's key; throws `key_missing` or `key_unknown`, whose texts clients compare. */
export async function authenticate(request: FastifyRequest, findAccount: FindAccount): Promise<string> {
  const key = keyOf(request);
  if (key === undefined) throw new HttpError('key_missing');
  const account = await findAccount(key);
  if (account === undefined) throw new HttpError('key_unknown');
  return account;
}
