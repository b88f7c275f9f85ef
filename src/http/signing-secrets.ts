// An account's signing secrets: seen by its owner, and rotated with an overlap of their choice.
import type { FastifyInstance } from 'fastify';
import { isSigningKey, readSigningKey } from '../signing-key.ts';
import type { TellingDb } from '../store/database.ts';
import { rotateSigningSecret, secretsInForce } from '../store/signing-secrets.ts';
import { askedBy } from './keys.ts';
import * as schemas from './schemas/signing-secret.ts';

export type SigningSecretDeps = {
  db: TellingDb;
  /** The setting's, which all accounts share; empty: each account has its own. */
  serverSecrets: readonly string[];
  newSecret: () => string;
};

const DAY_S = 86_400;

export function signingSecretRoutes(
  server: FastifyInstance,
  { db, serverSecrets, newSecret }: SigningSecretDeps,
): void {
  const show = async (account: string) => {
    const own = await secretsInForce(db, account, serverSecrets.length > 0);
    const symmetric = serverSecrets.filter((secret) => !isSigningKey(secret));
    // Nobody needs the key itself to verify, and its holder could sign for every account.
    const asymmetric = serverSecrets.filter(isSigningKey).map((secret) => ({
      public_key: readSigningKey(secret).publicKey,
      source: 'server',
      created_at: null,
      expires_at: null,
    }));
    const shared = symmetric.map((secret) => ({
      secret,
      source: 'server',
      created_at: null,
      expires_at: null,
    }));
    const mine = own.map(({ secret, created_at, expires_at }) => ({
      secret,
      source: 'account',
      created_at: created_at.toISOString(),
      expires_at: expires_at?.toISOString() ?? null,
    }));
    return { items: [...(mine.length === 0 ? shared : mine), ...asymmetric] };
  };

  server.get('/api/signing-secrets', { schema: schemas.listSigningSecrets }, (request) =>
    show(request.account),
  );

  server.post(
    '/api/signing-secrets/rotate',
    { schema: schemas.rotateSigningSecret },
    async (request, reply) => {
      const { overlap_seconds = DAY_S } = (request.body ?? {}) as schemas.Rotation;
      await rotateSigningSecret(db, request.account, {
        secret: newSecret(),
        overlapMs: overlap_seconds * 1_000,
        inherited: serverSecrets.filter((secret) => !isSigningKey(secret)),
        by: askedBy(request),
      });
      return reply.code(201).send(await show(request.account));
    },
  );
}
