// Receives Ringback's callbacks with node:http alone: verifies, answers, then works.
//
//   npm install standardwebhooks
//   RINGBACK_SIGNING_SECRET=whsec_… RINGBACK_URL=http://127.0.0.1:4747 RINGBACK_API_KEY=rb_… node node-http.mjs
import { createServer } from 'node:http';
import { gunzip } from 'node:zlib';
import { Webhook } from 'standardwebhooks';

const { PORT = '4848', RINGBACK_SIGNING_SECRET, RINGBACK_URL, RINGBACK_API_KEY } = process.env;
const webhook = new Webhook(RINGBACK_SIGNING_SECRET);
/** Bytes; two hours of speech are several megabytes. */
const LIMIT = 20 * 1024 * 1024;

const server = createServer((request, response) => {
  const answer = (status) => response.writeHead(status).end();
  if (request.url.split('?')[0] !== '/hooks/stt') return answer(404);
  if (request.method !== 'POST' && request.method !== 'PUT') return answer(405);
  const chunks = [];
  let size = 0;
  request.on('data', (chunk) => {
    size += chunk.length;
    if (size <= LIMIT) chunks.push(chunk);
  });
  // Read to the end even when it is too large: an answer on a line with unread bytes can be lost in a reset.
  request.on('end', () => {
    if (size > LIMIT) answer(413);
    else unpack(request.headers, Buffer.concat(chunks), answer);
  });
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/hooks/stt`);
});

/** With `"compression": "gzip"` the body comes packed. The signature is over the JSON in it. */
function unpack(headers, body, answer) {
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding === 'identity') return receive(headers, body, answer);
  // Ringback then sends it once more, unpacked.
  if (encoding !== 'gzip') return answer(415);
  // A few kilobytes may unpack to gigabytes: no further than what is taken unpacked.
  gunzip(body, { maxOutputLength: LIMIT }, (error, json) => {
    if (error) answer(error.code === 'ERR_BUFFER_TOO_LARGE' ? 413 : 400);
    else receive(headers, json, answer);
  });
}

function receive(headers, body, answer) {
  const id = headers['webhook-id'];
  let callback;
  try {
    // Over the bytes as they arrived; constant-time; refuses a timestamp more than 5 minutes off this machine's clock.
    callback = webhook.verify(body, headers);
  } catch (error) {
    console.log(`refused ${id}: ${error.message}`);
    answer(401);
    return;
  }
  const first = remember(id);
  answer(204);
  if (first) setImmediate(work, id, callback);
  else console.log(`duplicate ${id}`);
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
