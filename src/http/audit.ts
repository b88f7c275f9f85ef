// `GET /api/audit`: who changed an account's keys and secrets.
import type { FastifyInstance } from 'fastify';
import { type AuditRow, listAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import * as schemas from './schemas/audit.ts';

export function auditRoutes(server: FastifyInstance, { db }: { db: Db }): void {
  server.get('/api/audit', { schema: schemas.listAudit }, async (request) => ({
    items: (await listAudit(db, request.account)).map(showEntry),
  }));
}

function showEntry(row: AuditRow): schemas.AuditEntry {
  return {
    at: row.at.toISOString(),
    action: row.action,
    by:
      row.key_id === null ? null : { id: row.key_id, name: row.key_name ?? '', prefix: row.key_prefix ?? '' },
    key: row.subject_id === null ? null : { id: row.subject_id, name: row.subject_name ?? '' },
  };
}
