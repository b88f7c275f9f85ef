// The routes under /v1, and what is the same for all of them.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../../errors.ts';
import { createOpenaiTranslation, getOpenaiModel, listOpenaiModels } from '../schemas/openai.ts';
import { isServed, listModels, showModel } from './models.ts';
import { type TranscriptionDeps, transcriptionRoutes } from './transcriptions.ts';

export type OpenaiDeps = TranscriptionDeps;

export function openaiRoutes(server: FastifyInstance, deps: OpenaiDeps): void {
  const { model } = deps;
  const started = Math.floor(Date.now() / 1_000);
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  transcriptionRoutes(server, deps);
  server.post('/v1/audio/translations', { schema: createOpenaiTranslation }, async () => {
    throw new HttpError('translation_unsupported');
  });
  server.get('/v1/models', { schema: listOpenaiModels }, async () => ({
    object: 'list',
    data: listModels(model, started),
  }));
  server.get<{ Params: { model: string } }>(
    '/v1/models/:model',
    { schema: getOpenaiModel },
    async (request) => {
      if (!isServed(request.params.model, model)) throw new HttpError('model_unknown');
      return showModel(request.params.model, model, started);
    },
  );
}
