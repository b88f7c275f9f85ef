// The chunked body of an answer (RFC 9112 7.1), read strictly: where a chunk is not formed as it must be, nothing after it is
// trusted. Extensions and trailers are passed over.

/** Of a chunk's size with its extensions, or of one trailer. */
const MAX_LINE_BYTES = 4_096;
const MAX_TRAILER_BYTES = 16_384;
const SIZE = /^([0-9a-f]{1,13})[ \t]*(?:;.*)?$/i;

export class ChunkError extends Error {
  readonly code = 'BODY_CHUNKS';
}

export class ChunkedBody {
  #state: 'size' | 'data' | 'after' | 'trailer' | 'end' = 'size';
  #line = '';
  #left = 0;
  #trailerBytes = 0;

  /** What of `bytes` is body is added to `pieces`. Returns where the body ended in `bytes`, or -1: it goes on. */
  read(bytes: Buffer, pieces: Buffer[]): number {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'data') {
        const piece = bytes.subarray(at, at + this.#left);
        pieces.push(piece);
        at += piece.length;
        this.#left -= piece.length;
        if (this.#left === 0) this.#state = 'after';
        continue;
      }
      const end = bytes.indexOf(0x0a, at);
      this.#line += bytes.toString('latin1', at, end < 0 ? bytes.length : end);
      if (this.#line.length > MAX_LINE_BYTES) throw new ChunkError('a line of a chunk is too long');
      if (end < 0) return -1;
      at = end + 1;
      if (!this.#line.endsWith('\r')) throw new ChunkError('a line of a chunk ends without CR');
      this.#lineRead(this.#line.slice(0, -1));
      this.#line = '';
      if (this.#state === 'end') return at;
    }
    return -1;
  }

  #lineRead(line: string): void {
    if (this.#state === 'trailer') {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > MAX_TRAILER_BYTES) throw new ChunkError('the trailers are too long');
      if (line === '') this.#state = 'end';
    } else if (this.#state === 'after') {
      if (line !== '') throw new ChunkError('a chunk is longer than its size');
      this.#state = 'size';
    } else {
      const size = SIZE.exec(line)?.[1];
      if (size === undefined) throw new ChunkError('a chunk has no size');
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? 'trailer' : 'data';
    }
  }
}
