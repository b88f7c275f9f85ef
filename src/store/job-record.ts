// A job row as the hosted API shows it. The stored result is spliced in as it stands: its bytes are the callback's.
import { JOB_ERRORS } from '../errors.ts';
import { maskedRequest } from '../mask.ts';
import { withDefaults } from '../request-defaults.ts';
import type { RecordRow } from './job-list.ts';
import { metadataOf } from './metadata.ts';

export function jobRecord(row: RecordRow): string {
  return `${recordHead(row)}"result":${row.result ?? 'null'}}`;
}

/** All of it but the result, with a comma after it. */
export function recordHead(row: Omit<RecordRow, 'result'>): string {
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
    // Under this name clients look for it that were written without an example.
    ...(row.error_message !== null && { error: row.error_message }),
    post_session_metadata: {},
    file: fileOf(row),
    request_notes: row.request_notes ?? [],
    // Secrets ride in the queries of callback URLs. Of `audio_url` the owner sees what was sent: it is their own way to the
    // file, and nobody else is shown it.
    request_params: withDefaults(maskedRequest(row.request)),
  };
  return `${JSON.stringify(record).slice(0, -1)},`;
}

/** Null until all of it is known: typed clients read a name, a length and a number of channels, or nothing. */
function fileOf(row: Omit<RecordRow, 'result'>) {
  const { filename, duration, channels } = row;
  if (filename === null || duration === null || channels === null) return null;
  return {
    id: row.audio_id ?? row.id,
    filename,
    source: row.audio_id !== null && ownFileId(row.audio_url) !== null ? null : row.audio_url,
    audio_duration: duration,
    number_of_channels: channels,
  };
}

const OWN_FILE = /^\/file\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/?$/i;

/** The id in one of our own `/file/<id>` addresses, whatever host it names: clients rewrite hosts. */
export function ownFileId(url: string): string | null {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  return parsed ? (OWN_FILE.exec(parsed.pathname)?.[1]?.toLowerCase() ?? null) : null;
}
