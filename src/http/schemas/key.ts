// API keys as they are shown, made and revoked.
import { type Static, Type } from 'typebox';
import { closed, Id, nullable, operation, Time } from './operation.ts';

export const KeyRequest = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 100 }) },
  { title: 'KeyRequest', ...closed },
);
export type KeyRequest = Static<typeof KeyRequest>;

const shown = {
  id: Type.String({ format: 'uuid' }),
  name: Type.String(),
  prefix: Type.String({ description: 'Its first characters, to tell keys apart.' }),
  source: Type.Enum(['created', 'setting'], { description: '`setting`: named in RINGBACK_API_KEYS.' }),
  created_at: Time,
  last_used_at: nullable(Time),
  revoked_at: nullable(Time),
} as const;

export const Key = Type.Object(shown, { title: 'Key', ...closed });
export type Key = Static<typeof Key>;

export const CreatedKey = Type.Object(
  { ...shown, key: Type.String({ description: 'The key itself, shown this once.' }) },
  { title: 'CreatedKey', ...closed },
);
export type CreatedKey = Static<typeof CreatedKey>;

const tag = 'Keys';

export const listKeys = operation({
  id: 'listKeys',
  tag,
  summary: 'The keys of this account, without their secret part',
  answers: {
    200: { says: 'All of them, revoked ones too.', schema: Type.Object({ items: Type.Array(Key) }, closed) },
  },
});

export const createKey = operation(
  {
    id: 'createKey',
    tag,
    summary: 'Another key for this account',
    answers: { 201: { says: 'With the key itself.', schema: CreatedKey } },
    refusals: ['request_invalid', 'media_type_unsupported', 'api_keys_too_many'],
  },
  KeyRequest,
);

export const revokeKey = operation({
  id: 'revokeKey',
  tag,
  summary: 'Refuse a key from now on',
  params: Id,
  answers: { 200: { says: 'Revoked.', schema: Key } },
  refusals: ['api_key_unknown', 'api_key_last', 'api_key_configured'],
});
