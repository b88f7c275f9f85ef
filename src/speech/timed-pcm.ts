// Reads the sound that ffmpeg writes to a pipe: 16-bit PCM in Matroska, because a WAV would lose the time of each piece.
// As a stream, of one track, and only what ffmpeg's own muxer writes (RFC 9559). Knows nothing of files.

export type TimedPiece = {
  /** Seconds on the clock of the file. */
  at: number;
  /** Interleaved, of all channels. */
  bytes: Buffer;
};

/** Segment, Tracks, TrackEntry, Audio, Cluster, BlockGroup: what they hold is read as if it stood outside. */
const MASTERS = new Set([0x18538067, 0x1654ae6b, 0xae, 0xe1, 0x1f43b675, 0xa0]);
const CHANNELS = 0x9f;
const CLUSTER_TIME = 0xe7;
const BLOCKS = new Set([0xa3, 0xa1]);
/** Track number (one byte, of the one track), time within the cluster, flags. */
const BLOCK_HEAD = 4;
/** ffmpeg's muxer counts in milliseconds. */
const TICKS = 1_000;

export class TimedPcm {
  /** 0 until the header was read. */
  channels = 0;
  #held: Buffer = Buffer.alloc(0);
  #clusterTime = 0;

  /** Takes any bytes, gives the pieces that they complete. */
  *push(chunk: Buffer): Generator<TimedPiece> {
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const element = elementAt(bytes, at);
      if (!element) break;
      const { id, body, size } = element;
      at = body;
      if (MASTERS.has(id)) continue;
      if (body + size > bytes.length) {
        at = element.start;
        break;
      }
      at = body + size;
      if (id === CHANNELS) this.channels = bytes.readUIntBE(body, size);
      if (id === CLUSTER_TIME) this.#clusterTime = bytes.readUIntBE(body, size);
      if (BLOCKS.has(id) && size > BLOCK_HEAD) {
        const ticks = this.#clusterTime + bytes.readInt16BE(body + 1);
        yield { at: ticks / TICKS, bytes: bytes.subarray(body + BLOCK_HEAD, at) };
      }
    }
    this.#held = bytes.subarray(at);
  }
}

type Element = { start: number; id: number; body: number; size: number };

/** Null where its head is not all there. A size that is not known (of a Segment) counts as 0: its holder is a master. */
function elementAt(bytes: Buffer, start: number): Element | null {
  const idLength = Math.clz32(bytes[start] ?? 0) - 23;
  const sizeAt = start + idLength;
  if (idLength > 4 && start < bytes.length) throw new RangeError('not what ffmpeg writes');
  const sizeLength = Math.clz32(bytes[sizeAt] ?? 0) - 23;
  if (sizeAt >= bytes.length || sizeAt + sizeLength > bytes.length) return null;
  let size = (bytes[sizeAt] ?? 0) & (0xff >> sizeLength);
  for (let n = 1; n < sizeLength; n++) size = size * 256 + (bytes[sizeAt + n] ?? 0);
  return { start, id: bytes.readUIntBE(start, idLength), body: sizeAt + sizeLength, size };
}
