// Audio going out: `/file/{id}` and `/v2/pre-recorded/{id}/file`.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { HttpError } from '../errors.ts';
import { type AudioFolder, findAudio } from '../store/audio.ts';
import type { Db } from '../store/database.ts';
import { isUuid } from './params.ts';
import { getFile } from './schemas/audio.ts';

export async function sendAudio(
  reply: FastifyReply,
  audio: AudioFolder,
  id: string | null,
): Promise<FastifyReply> {
  const found = id === null ? undefined : await audio.read(id);
  if (!found) throw new HttpError('audio_unknown');
  // Untrusted bytes: never something a browser would run on our origin.
  return reply
    .type('application/octet-stream')
    .header('content-length', found.bytes)
    .header('content-disposition', 'attachment')
    .header('x-content-type-options', 'nosniff')
    .send(found.stream);
}

export function fileRoutes(server: FastifyInstance, { db, audio }: { db: Db; audio: AudioFolder }): void {
  server.get<{ Params: { id: string } }>('/file/:id', { schema: getFile }, async (request, reply) => {
    const row = isUuid(request.params.id)
      ? await findAudio(db, request.account, request.params.id)
      : undefined;
    return sendAudio(reply, audio, row?.id ?? null);
  });
}
