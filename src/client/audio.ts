// Audio on its way to Ringback: a path, a URL, a Blob or a stream becomes an upload; streamed, never held in memory.
import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Upload } from '../http/schemas/audio.ts';
import { type CallOptions, type Connection, type Outgoing, TRANSFER_MS } from './connection.ts';

/** A string is the path of a file, or an http(s) URL, which the server downloads. */
export type AudioSource = string | URL | Blob | AsyncIterable<Uint8Array>;

export type UploadOptions = CallOptions & {
  /** What to call it; otherwise the file's own name, or `audio`. */
  filename?: string;
  idempotencyKey?: string;
};

export function audioOf(connection: Connection) {
  return {
    /** Stores and measures it; `audio_url` of the answer is what a transcription takes. */
    async upload(source: AudioSource, { filename, ...call }: UploadOptions = {}): Promise<Upload> {
      const outgoing: Outgoing = { timeoutMs: TRANSFER_MS, ...call };
      const post = (content: Outgoing) =>
        connection.json<Upload>('POST', '/v2/upload', { ...outgoing, ...content, has: 'audio_url' });
      if (source instanceof URL || (typeof source === 'string' && /^https?:\/\//i.test(source)))
        return post({ json: { audio_url: String(source) } });
      if (typeof source !== 'string') {
        const name = filename ?? (source instanceof File ? source.name : 'audio');
        return post({ body: multipart(source instanceof Blob ? source.stream() : source, name) });
      }
      const file = await open(source);
      try {
        const chunks = file.createReadStream({ autoClose: false });
        return await post({ body: multipart(chunks, filename ?? basename(source)) });
      } finally {
        await file.close();
      }
    },
    /** The bytes of an upload. */
    file: (id: string, call: CallOptions = {}) =>
      connection.stream(`/file/${encodeURIComponent(id)}`, { timeoutMs: TRANSFER_MS, ...call }),
  };
}

/** FormData takes nothing whose length is not known, so the one part is written here. */
function multipart(chunks: AsyncIterable<Uint8Array>, filename: string): NonNullable<Outgoing['body']> {
  const boundary = `ringback-${randomUUID()}`;
  const name = filename.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  async function* body() {
    yield Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="audio"; filename="${name}"\r\ncontent-type: application/octet-stream\r\n\r\n`,
    );
    yield* chunks;
    yield Buffer.from(`\r\n--${boundary}--\r\n`);
  }
  return { type: `multipart/form-data; boundary=${boundary}`, stream: ReadableStream.from(body()) };
}
