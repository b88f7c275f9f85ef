// The body of a callback that tells the record of its transcription (`format: record`). Pure.
import { type CallbackBodyOptions, field } from '../callback-body.ts';
import type { EndedRow } from './deliveries.ts';
import { recordHead } from './job-record.ts';

export type RecordBodyOptions = Omit<CallbackBodyOptions, 'format' | 'customMetadata'> & {
  /** The job as it ended. */
  row: EndedRow;
};

/** `format: record`: the body of `GET /v2/pre-recorded/{id}` and the event; in parts, as the other. */
export function renderRecordBody({ row, outcome, form, resultUrl, reason }: RecordBodyOptions): Buffer[] {
  const first = `{${field('event', outcome.event)},${recordHead(row).slice(1)}`;
  if (!('result' in outcome)) return [Buffer.from(`${first}"result":null}`)];
  if (form === 'full') return [Buffer.from(`${first}"result":`), outcome.result, Buffer.from('}')];
  const where = [field('result_url', resultUrl), field('payload_bytes', outcome.result.length)];
  if (reason) where.push(field('reason', reason));
  return [Buffer.from(`${first}"result":null,${where.join(',')}}`)];
}
