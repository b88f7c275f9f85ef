// The boxes within boxes of MP4 and QuickTime files (ISO/IEC 14496-12 §4.2), from bytes in memory. Pure.

const CONTAINERS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'edts', 'udta', 'moof', 'traf']);

/** Calls back for each leaf box within [start, end), in order. */
export function walk(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (type: string, body: number, end: number) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = start; at + 8 <= end; ) {
    let size = view.getUint32(at);
    let body = at + 8;
    if (size === 1 && at + 16 <= end) {
      size = Number(view.getBigUint64(at + 8));
      body = at + 16;
    } else if (size === 0) size = end - at;
    if (size < body - at || at + size > end) return;
    const type = text(bytes, at + 4);
    if (CONTAINERS.has(type)) walk(bytes, body, at + size, visit);
    else if (at + size - body >= 8) visit(type, body, at + size);
    at += size;
  }
}

export function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
