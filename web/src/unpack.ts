// A gzipped body as text to read. What strangers send may unpack to anything: it is cut.
const MOST = 4_000_000;

/** Null: it is not gzip, or damaged. */
export async function unpacked(packed: Uint8Array): Promise<Uint8Array | null> {
  const stream = new Blob([Uint8Array.from(packed)]).stream().pipeThrough(new DecompressionStream('gzip'));
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  try {
    for await (const part of stream) {
      parts.push(part);
      bytes += part.length;
      if (bytes > MOST) break;
    }
  } catch {
    return null;
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer()).subarray(0, MOST);
}
