// A stream of events outlives the request that opened it: it ends with the key that it was opened by, and after a while anyway.
import type { FastifyRequest } from 'fastify';
import { authenticate, type FindAccount } from './auth.ts';

/** Readers come back by themselves. */
const LONGEST_MS = 15 * 60_000;
/** One statement for all streams of a moment. */
const LOOK_MS = 5_000;

type Stream = {
  end(): void;
  once(event: 'close', listener: () => void): unknown;
};

/** `stream` is the answer to `request`, which was let in. */
export function endWithKey(
  stream: Stream,
  request: FastifyRequest,
  { findAccount }: { findAccount: FindAccount },
): void {
  const end = setTimeout(() => stream.end(), LONGEST_MS);
  const look = setInterval(() => {
    authenticate(request, findAccount).catch((error: { code?: unknown }) => {
      // A database that is away says nothing about the key.
      if (error.code === 'key_unknown') stream.end();
    });
  }, LOOK_MS);
  stream.once('close', () => {
    clearTimeout(end);
    clearInterval(look);
  });
}
