// What an answer says about the file behind a URL, and whether its bytes go on where those we have already end. Pure.
// RFC 9110: 8.8 (validators), 13.1.5 (If-Range), 14.4 (Content-Range), 15.3.7 (206).
import type { Head } from '../outbound/request.ts';

/** What is here of a file whose download broke off. */
export type Held = {
  /** Whole bytes from its start. */
  bytes: number;
  /** Where they came from, without the query: signatures change from one redirect to the next. */
  place: string;
  /** Of the answer they came with. */
  head: Head;
  /** Of the whole file; null where the host did not say. */
  total: number | null;
};

/** `from`: the bytes of the answer belong there; `total` of the whole file. `other`: to nothing that we have. */
export type Fit = { from: number; total: number | null } | 'other';

export function placeOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** The headers that ask for the rest, and for the whole if the file has changed; none where that cannot be told. */
export function resumeHeaders(held: Held | null, url: string, now: number): Record<string, string> {
  if (!held || held.bytes === 0 || held.place !== placeOf(url)) return {};
  if (header(held.head, 'accept-ranges')?.toLowerCase() === 'none') return {};
  const validator = strongValidator(held.head, now);
  return validator === null ? {} : { range: `bytes=${held.bytes}-`, 'if-range': validator };
}

/**
 * A strong ETag; or a Last-Modified at least a second before the answer was made: what was changed within that second
 * has the same time (RFC 9110, 8.8.2.2). Weak ETags promise nothing about bytes.
 */
function strongValidator(head: Head, now: number): string | null {
  const etag = header(head, 'etag');
  if (etag !== null && /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag)) return etag;
  const modified = header(head, 'last-modified');
  const at = Date.parse(modified ?? '');
  const made = Date.parse(header(head, 'date') ?? '');
  return modified !== null && at + 1_000 <= (Number.isNaN(made) ? now : made) ? modified : null;
}

/** Where the body of a 2xx goes. `asked`: the rest of `held` was asked for. */
export function fitOf(head: Head, held: Held | null, asked: boolean): Fit {
  if (head.status !== 206) return { from: 0, total: contentLength(head) };
  const range = contentRange(head);
  // Nobody asked, and no range is named: the whole, under an odd number.
  if (range === null) return asked ? 'other' : { from: 0, total: contentLength(head) };
  const length = contentLength(head);
  if (length !== null && length !== range.last - range.first + 1) return 'other';
  if (range.total !== null && range.last >= range.total) return 'other';
  if (range.first === 0) return { from: 0, total: range.total };
  if (!asked || !held || range.first !== held.bytes) return 'other';
  if (held.total !== null && range.total !== null && held.total !== range.total) return 'other';
  const contradicts = ['etag', 'last-modified'].some((name) => {
    const [before, after] = [header(held.head, name), header(head, name)];
    return before !== null && after !== null && before !== after;
  });
  if (contradicts || !isSameCoding(held.head, head)) return 'other';
  return { from: range.first, total: range.total ?? held.total };
}

/** A part of an encoded file may come without the name of its coding, but not with that of another. */
function isSameCoding(before: Head, after: Head): boolean {
  const coding = header(after, 'content-encoding');
  return coding === null || coding === header(before, 'content-encoding');
}

function contentRange(head: Head): { first: number; last: number; total: number | null } | null {
  const text = header(head, 'content-range') ?? '';
  const [, first, last, total] = /^bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(text) ?? [];
  if (first === undefined || last === undefined || Number(last) < Number(first)) return null;
  return { first: Number(first), last: Number(last), total: total === '*' ? null : Number(total) };
}

export function contentLength(head: Head): number | null {
  const text = header(head, 'content-length');
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Without parameters, lower case. */
export function contentType(head: Head): string | null {
  return header(head, 'content-type')?.split(';')[0]?.trim().toLowerCase() || null;
}

export function header(head: Head, name: string): string | null {
  const value = head.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
