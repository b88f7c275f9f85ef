// The least that could be called a job API: a Fastify route that puts its body into a table by one INSERT. A process of
// its own, given the database by DATABASE_URL; prints where it listens.
import { randomUUID } from 'node:crypto';
import Fastify from 'fastify';
import pg from 'pg';

/** As many connections as the API of Ringback has. */
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 15 });
const server = Fastify();

type Body = { audio_url: string; callback_config: { url: string } };

server.post('/v2/pre-recorded', async (request, reply) => {
  const body = request.body as Body;
  const id = randomUUID();
  await pool.query(
    'INSERT INTO public.bare_job (id, audio_url, callback_url, request) VALUES ($1, $2, $3, $4)',
    [id, body.audio_url, body.callback_config.url, JSON.stringify(body)],
  );
  return reply.code(201).send({ id, result_url: `http://127.0.0.1/v2/pre-recorded/${id}` });
});

process.stdout.write(`${JSON.stringify({ msg: 'listening', url: await server.listen({ port: 0 }) })}\n`);
