// Inboxes and their requests as their owner sees them.
import { INBOX_PATH } from '../inbox.ts';
import type { InboxRequestRow } from '../store/inbox-requests.ts';
import type { InboxRow } from '../store/inboxes.ts';
import type * as schemas from './schemas/inbox.ts';

export const inboxAddress = ({ token }: Pick<InboxRow, 'token'>, publicUrl: string) =>
  `${publicUrl}${INBOX_PATH}${token}`;

export function showInbox(row: InboxRow, publicUrl: string): schemas.Inbox {
  return {
    id: row.id,
    name: row.name,
    address: inboxAddress(row, publicUrl),
    answer: row.answers,
    forward: row.forward,
    forwarder_connected: row.forwarded,
    max_bytes: row.max_bytes,
    requests: row.requests,
    last_number: row.last_number,
    last_request_at: row.last_request_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  };
}

export function showInboxRequest(row: InboxRequestRow): schemas.InboxRequest {
  return {
    number: row.number,
    received_at: row.received_at.toISOString(),
    method: row.method,
    query: row.target,
    headers: row.headers,
    bytes: row.bytes,
    body: row.body && exact(row.body),
    signature: row.signature,
    state: row.state,
    answer_within_ms: row.left_ms === null ? null : Math.max(0, Math.round(row.left_ms)),
    answered_by: row.answered_by,
    answer:
      row.answer_status === null
        ? null
        : {
            status: row.answer_status,
            headers: row.answer_headers ?? {},
            body: row.answer_body && exact(row.answer_body),
          },
    answered_at: row.answered_at?.toISOString() ?? null,
  };
}

/** As text where that is the very bytes. */
function exact(bytes: Buffer): { text: string } | { base64: string } {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? { text } : { base64: bytes.toString('base64') };
}
