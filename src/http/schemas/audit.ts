// Who changed an account's keys and secrets.
import { type Static, Type } from 'typebox';
import { AUDIT_ACTIONS } from '../../audit.ts';
import { closed, nullable, operation, Time } from './operation.ts';

export const AuditEntry = Type.Object(
  {
    at: Time,
    action: Type.Enum([...AUDIT_ACTIONS]),
    by: nullable(
      Type.Object(
        { id: Type.String({ format: 'uuid' }), name: Type.String(), prefix: Type.String() },
        closed,
      ),
    ),
    key: nullable(
      Type.Object(
        { id: Type.String({ format: 'uuid' }), name: Type.String() },
        { ...closed, description: 'The key that was made or revoked; null where the change is of no key.' },
      ),
    ),
  },
  {
    title: 'AuditEntry',
    description:
      '`by` is the key that asked for it; null: somebody on the machine of the server, without a key.',
    ...closed,
  },
);
export type AuditEntry = Static<typeof AuditEntry>;

export const listAudit = operation({
  id: 'listAudit',
  tag: 'Keys',
  summary: 'Who made and revoked keys, and rotated the signing secret, newest first',
  answers: {
    200: { says: 'The last 200.', schema: Type.Object({ items: Type.Array(AuditEntry) }, closed) },
  },
});
