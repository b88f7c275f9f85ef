// Where a redirect leads. Pure.

/**
 * The `Location` header (as Latin-1, a byte a character), absolute. Hosts write paths as they are, with spaces and in UTF-8: a
 * browser sends the same bytes percent-encoded. Bytes that are not UTF-8 stay those bytes. Null: it is no address.
 */
export function redirectTarget(location: string, base: string): string | null {
  const text = isUtf8(location)
    ? Buffer.from(location, 'latin1').toString('utf8')
    : location.replace(
        /[\u0080-\u00ff]/g,
        (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
      );
  if (!URL.canParse(text, base)) return null;
  const url = new URL(text, base);
  // Never sent, and of no use here.
  url.hash = '';
  return url.href;
}

function isUtf8(latin1: string): boolean {
  const bytes = Buffer.from(latin1, 'latin1');
  return Buffer.compare(Buffer.from(bytes.toString('utf8'), 'utf8'), bytes) === 0;
}
