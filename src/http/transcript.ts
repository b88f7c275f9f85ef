// A job row as the hosted API shows it. The stored result is spliced in as it stands: its bytes are the callback's.
import { JOB_ERRORS } from '../errors.ts';
import { maskedRequest } from '../mask.ts';
import type { RecordRow } from '../store/job-list.ts';
import { metadataOf } from '../store/metadata.ts';

export function jobRecord(row: RecordRow): string {
  const file =
    row.audio_id === null && row.filename === null
      ? null
      : {
          id: row.audio_id ?? row.id,
          filename: row.filename,
          source: row.audio_id !== null && isOwnFile(row.audio_url) ? null : row.audio_url,
          audio_duration: row.duration,
          number_of_channels: row.channels,
        };
  const record = {
    id: row.id,
    request_id: `G-${row.id.slice(0, 8)}`,
    version: 2,
    status: row.state,
    kind: 'pre-recorded',
    created_at: row.created_at.toISOString(),
    completed_at: row.completed_at?.toISOString() ?? null,
    custom_metadata: metadataOf(row.request),
    error_code: row.error_code === null ? null : JOB_ERRORS[row.error_code].integer,
    // Not in the hosted API, where the reason is in the callback alone.
    error_reason: row.error_code,
    error_message: row.error_message,
    post_session_metadata: {},
    file,
    // Secrets ride in the queries of callback URLs. Of `audio_url` the owner sees what was sent: it is their own way to the
    // file, and nobody else is shown it.
    request_params: maskedRequest(row.request),
  };
  return `${JSON.stringify(record).slice(0, -1)},"result":${row.result ?? 'null'}}`;
}

const OWN_FILE = /^\/file\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/?$/i;

/** The id in one of our own `/file/<id>` addresses, whatever host it names: clients rewrite hosts. */
export function ownFileId(url: string): string | null {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  return parsed ? (OWN_FILE.exec(parsed.pathname)?.[1]?.toLowerCase() ?? null) : null;
}

function isOwnFile(url: string): boolean {
  return ownFileId(url) !== null;
}
