// Undoes what a host did to a file on its way, although it was asked not to: gzip, deflate, brotli, Zstandard, several of them.
// The bytes decide here too: names of codings stand on files that are as they were (`aws-chunked`, `utf-8`, gzip on an MP3).
import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { JobError } from '../errors.ts';
import { sniff, sniffFrames } from '../speech/sniff.ts';

/** More is nobody's honest file. */
const MOST_CODINGS = 4;
/** Of a Zstandard stream: 8 MB, which RFC 9659 bounds this coding to; a stream may ask for gigabytes. */
const ZSTD_WINDOW_LOG = 23;

const DECODERS: Readonly<Record<string, (first: Uint8Array) => Transform>> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  // Some hosts leave the zlib header out.
  deflate: (first) => (isZlib(first) ? zlib.createInflate() : zlib.createInflateRaw()),
  br: () => zlib.createBrotliDecompress(),
  zstd: () =>
    zlib.createZstdDecompress({ params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
};

/** The codings of a content-encoding header in the order they were applied, without those that change nothing. */
export function codingsOf(value: string | string[] | undefined): string[] {
  return String(value ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
}

/** Those that change the bytes and are not known here. Other names (`utf-8`, `binary`, `aws-chunked`) change nothing. */
export function unknownCodings(codings: readonly string[]): string[] {
  return codings.filter((name) => UNKNOWN.has(name));
}
const UNKNOWN: ReadonlySet<string> = new Set(
  'compress x-compress pack200-gzip exi dcb dcz bzip2 x-bzip2 xz x-xz lzma x-lzma lz4 x-lz4 snappy x-snappy sdch'.split(
    ' ',
  ),
);

/**
 * Decodes `path` in place; resolves with how many bytes it has then. No stage makes more than `maxBytes`, and none holds
 * more than its window. Throws JobError for what is damaged or too large.
 */
export async function decodeFile(
  path: string,
  codings: readonly string[],
  { maxBytes, tooLarge, host, signal }: DecodeOptions,
): Promise<number | null> {
  const known = codings.filter((name) => Object.hasOwn(DECODERS, name));
  const first = await firstBytes(path);
  if (known.length === 0 || isPlain(first, known.at(-1) ?? '')) return null;
  if (known.length > MOST_CODINGS)
    throw new JobError(
      'audio_unsupported',
      `${host} sent the file in ${known.length} codings, one in another: let it send the file as it is.`,
    );
  // Named as downloads are: what a crash leaves here goes with the orphans.
  const decoded = join(dirname(path), randomUUID());
  const count = { bytes: 0 };
  const stages = known.toReversed().flatMap((name, index) => {
    // Of those within, the first bytes are not known; nobody puts a deflate without header there.
    const decoder = DECODERS[name]?.(index === 0 ? first : ZLIB);
    return decoder ? [decoder, counting(count, maxBytes, tooLarge)] : [];
  });
  try {
    await pipeline([createReadStream(path), ...stages, createWriteStream(decoded)], signal ? { signal } : {});
    await rename(decoded, path);
    return count.bytes;
  } catch (error) {
    await rm(decoded, { force: true });
    if (!isDecoders(error)) throw error;
    throw new JobError(
      'audio_corrupt',
      `${host} sent the file in the coding ${known.join(', ')}, and what came is damaged or cut short: let it send the file as it is.`,
      { cause: error },
    );
  }
}

type DecodeOptions = {
  maxBytes: number;
  tooLarge: () => Error;
  host: string;
  signal?: AbortSignal | undefined;
};

/** `count` is that of the last stage in the end. */
function counting(count: { bytes: number }, maxBytes: number, tooLarge: () => Error): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      count.bytes = bytes;
      if (bytes > maxBytes) done(tooLarge());
      else done(null, chunk);
    },
  });
}

/** zlib's own codes begin so; a full disk and the like have others. */
function isDecoders(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^(?:Z_|ERR__ERROR|ERR_BROTLI|ERR_PADDING|ZSTD_)/.test(code);
}

/** RFC 1950: the method is 8, and the first two bytes are a multiple of 31. */
function isZlib(first: Uint8Array): boolean {
  const [a = 0, b = 0] = first;
  return (a & 15) === 8 && (a * 256 + b) % 31 === 0;
}
const ZLIB = Uint8Array.of(0x78, 0x9c);

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4_096), 0, 4_096, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** By the first bytes of gzip and Zstandard; the others have none, and what they make looks like no media and no page. */
function isPlain(first: Uint8Array, coding: string): boolean {
  const magic = MAGIC[coding];
  if (magic) return !magic.every((byte, index) => first[index] === byte);
  const sniffed = sniff(first);
  if ('not' in sniffed) return sniffed.not !== null;
  // Frames further in may be a stretch that could not be made smaller.
  const isFrames = 'kind' in sniffed && (sniffed.kind === 'mp3' || sniffed.kind === 'aac');
  return !isFrames || sniffFrames(first, 3)?.start === 0;
}
const MAGIC: Readonly<Record<string, readonly number[]>> = {
  gzip: [0x1f, 0x8b],
  'x-gzip': [0x1f, 0x8b],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
};
