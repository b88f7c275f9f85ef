// Signing secrets as they are shown and rotated.
import { type Static, Type } from 'typebox';
import { closed, nullable, operation, orNothing, Time } from './operation.ts';

const DAY_S = 86_400;

export const Rotation = Type.Object(
  { overlap_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 7 * DAY_S, default: DAY_S })) },
  { title: 'Rotation', ...closed },
);
export type Rotation = Static<typeof Rotation>;

export const SigningSecret = Type.Object(
  {
    // One of the two: of a key pair only the public half is shown.
    secret: Type.Optional(Type.String({ description: 'whsec_…: signs as v1, and verifies' })),
    public_key: Type.Optional(Type.String({ description: 'whpk_…: verifies what is signed as v1a' })),
    source: Type.Enum(['server', 'account']),
    created_at: nullable(Time),
    expires_at: nullable(Time),
  },
  { title: 'SigningSecret', ...closed },
);
export type SigningSecret = Static<typeof SigningSecret>;

export const SigningSecrets = Type.Object({ items: Type.Array(SigningSecret) }, closed);

const tag = 'Signing secrets';
const shown = { says: 'All of them sign.', schema: SigningSecrets };

export const listSigningSecrets = operation({
  id: 'listSigningSecrets',
  tag,
  summary: 'What signs the callbacks of this account',
  answers: { 200: shown },
});

export const rotateSigningSecret = operation(
  {
    id: 'rotateSigningSecret',
    tag,
    summary: 'A new secret; the old sign along for a while',
    body: { 'application/json': Rotation },
    answers: { 201: shown },
    refusals: ['request_invalid', 'media_type_unsupported'],
  },
  orNothing(Rotation),
);
