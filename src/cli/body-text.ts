// The body of a callback as a person reads it: unpacked, JSON indented and its numbers as they came, cut.
import { gunzipSync } from 'node:zlib';
import { parseKept } from '../exact-json.ts';
import { formatBytes } from '../units.ts';
import { printableText } from './terminal.ts';

const MOST_UNPACKED = 25_000_000;

/** Null: it is no text. */
export function textOf(body: Buffer, encoding: string | undefined): string | null {
  let bytes = body;
  if (encoding?.toLowerCase() === 'gzip')
    try {
      bytes = gunzipSync(body, { maxOutputLength: MOST_UNPACKED });
    } catch {
      return null;
    }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function readable(body: Buffer, encoding: string | undefined, maxLines = 60): string {
  const text = textOf(body, encoding);
  if (text === null) return `(${formatBytes(body.length)} that are no text)`;
  const lines = printableText(indented(text)).split('\n');
  if (lines.length <= maxLines) return lines.join('\n');
  return [...lines.slice(0, maxLines), `… ${lines.length - maxLines} more lines`].join('\n');
}

export function indented(body: string): string {
  try {
    return JSON.stringify(parseKept(body), null, 2);
  } catch {
    return body;
  }
}

/** What it tells of, where it is one of our callbacks. */
export function eventOf(text: string | null): { event: string | null; id: string | null } {
  const said = (value: unknown) => (typeof value === 'string' ? value : null);
  try {
    const { event, id } = JSON.parse(text ?? '') as { event?: unknown; id?: unknown };
    return { event: said(event), id: said(id) };
  } catch {
    return { event: null, id: null };
  }
}
