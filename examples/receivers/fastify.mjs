// Receives Ringback's callbacks with Fastify 5: verifies, answers, then works.
//
//   npm install fastify standardwebhooks
//   RINGBACK_SIGNING_SECRET=whsec_… RINGBACK_URL=http://127.0.0.1:4747 RINGBACK_API_KEY=rb_… node fastify.mjs
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import Fastify from 'fastify';
import { Webhook } from 'standardwebhooks';

const { PORT = '4848', RINGBACK_SIGNING_SECRET, RINGBACK_URL, RINGBACK_API_KEY } = process.env;
const webhook = new Webhook(RINGBACK_SIGNING_SECRET);
/** Bytes, packed or not; Fastify's default is 1 MiB, and two hours of speech are several megabytes. */
const LIMIT = 20 * 1024 * 1024;

const app = Fastify();
// A plugin of its own: only in here JSON stays the bytes that arrived, which are what the signature is over. The rest
// of the application keeps its parsed bodies.
app.register(async (hooks) => {
  hooks.addContentTypeParser('application/json', { parseAs: 'buffer' }, unpack);
  hooks.route({
    method: ['POST', 'PUT'],
    url: '/hooks/stt',
    bodyLimit: LIMIT,
    handler: receive,
  });
});

/** With `"compression": "gzip"` the body comes packed. The signature is over the JSON in it. */
async function unpack(request, bytes) {
  const encoding = request.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding === 'identity') return bytes;
  // Ringback then sends it once more, unpacked.
  if (encoding !== 'gzip') throw refusal(415, `content-encoding ${encoding} is not known here`);
  try {
    // A few kilobytes may unpack to gigabytes: no further than what is taken unpacked.
    return await promisify(gunzip)(bytes, { maxOutputLength: LIMIT });
  } catch (error) {
    throw refusal(error.code === 'ERR_BUFFER_TOO_LARGE' ? 413 : 400, error.message);
  }
}

/** Fastify answers an error with its status. */
const refusal = (statusCode, message) => Object.assign(new Error(message), { statusCode });

async function receive(request, reply) {
  const id = request.headers['webhook-id'];
  let callback;
  try {
    // Constant-time; refuses a timestamp more than 5 minutes off this machine's clock.
    callback = webhook.verify(request.body ?? '', request.headers);
  } catch (error) {
    console.log(`refused ${id}: ${error.message}`);
    return reply.code(401).send();
  }
  const first = remember(id);
  reply.code(204).send();
  if (first) setImmediate(work, id, callback);
  else console.log(`duplicate ${id}`);
  return reply;
}

// In memory: gone with the process and known to it alone. In production insert webhook-id and body into a table with
// webhook-id as its key before answering, and let a worker take them from there.
const remembered = new Set();
function remember(id) {
  if (remembered.has(id)) return false;
  remembered.add(id);
  if (remembered.size > 100_000) remembered.delete(remembered.values().next().value);
  return true;
}

async function work(id, { id: job, event, payload, result_url, error }) {
  try {
    // `success`, or `transcription.success` with RINGBACK_CALLBACK_FORMAT=gladia; errors alike.
    if (event.endsWith('success')) {
      const result = payload ?? (await fetchResult(result_url));
      const text = JSON.stringify(result.transcription.full_transcript.slice(0, 80));
      console.log(`success ${id} job=${job} ${payload ? 'full' : 'reference'}: ${text}`);
    } else {
      console.log(`error ${id} job=${job} ${error.code}: ${error.message}`);
    }
  } catch (problem) {
    // Already answered 2xx, so Ringback will not try again by itself; forgotten, so that a resend is handled.
    remembered.delete(id);
    console.log(`failed ${id}: ${problem.message}`);
  }
}

/** The result that was too large to send (`reason: payload_too_large`), or that was asked for by reference. */
async function fetchResult(url) {
  // The key is for our Ringback and nobody else, whatever a URL says or redirects to.
  if (new URL(url).origin !== new URL(RINGBACK_URL).origin)
    throw new Error(`${url} is not at ${RINGBACK_URL}`);
  const answer = await fetch(url, {
    headers: { 'x-gladia-key': RINGBACK_API_KEY },
    redirect: 'error',
    signal: AbortSignal.timeout(60_000),
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return (await answer.json()).result;
}

const address = await app.listen({ port: Number(PORT), host: '127.0.0.1' });
console.log(`listening on ${address}/hooks/stt`);
