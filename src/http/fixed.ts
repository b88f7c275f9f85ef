// Documents that are the same for everybody: read or made once, at the start, and sent from that memory. However many
// ask at a time, they share one buffer, and no file is opened for them.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';

export type Fixed = { type: string; body: Buffer; etag: string };

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.yaml': 'application/yaml; charset=utf-8',
};

/** `name` tells the media type by its ending. */
export function fixed(name: string, content: string | Buffer): Fixed {
  const body = typeof content === 'string' ? Buffer.from(content) : content;
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { type: TYPES[extname(name)] ?? 'application/octet-stream', body, etag };
}

/** The files of a folder by their names; those of folders within it are left out. */
export async function readFixed(folder: string): Promise<Map<string, Fixed>> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, fixed(name, await readFile(join(folder, name)))] as const),
    ),
  );
}

/** The document, or 304 to whoever has it already. Fastify leaves the body out of an answer to HEAD. */
export function sendFixed(
  request: FastifyRequest,
  reply: FastifyReply,
  { type, body, etag }: Fixed,
): FastifyReply {
  reply.header('etag', etag);
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-cache');
  const known = request.headers['if-none-match']?.split(',').map((one) => one.trim().replace(/^W\//, ''));
  return known?.includes(etag) ? reply.code(304).send() : reply.type(type).send(body);
}
