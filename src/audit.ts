// What is written down of an account's keys and secrets: the words that the store, HTTP and the dashboard share.

export const AUDIT_ACTIONS = ['key.created', 'key.revoked', 'secret.rotated'] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];
