// Receives Ringback's callbacks with Express 5: verifies, answers, then works.
//
//   npm install express standardwebhooks
//   RINGBACK_SIGNING_SECRET=whsec_… RINGBACK_URL=http://127.0.0.1:4747 RINGBACK_API_KEY=rb_… node express.mjs
import express from 'express';
import { Webhook } from 'standardwebhooks';

const { PORT = '4848', RINGBACK_SIGNING_SECRET, RINGBACK_URL, RINGBACK_API_KEY } = process.env;
const webhook = new Webhook(RINGBACK_SIGNING_SECRET);

const json = express.json({
  // The default is 100 kB; two hours of speech are several megabytes. What comes with `"compression": "gzip"` is unpacked
  // here, no further than this, and answered with 415 when it is packed otherwise than Express knows.
  limit: '20mb',
  // The signature is over the bytes as they arrived (unpacked): JSON that was parsed and written again is not the same bytes.
  verify: (request, _response, bytes) => {
    request.rawBody = bytes;
  },
});

const app = express();
app.route('/hooks/stt').post(json, receive).put(json, receive);
const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}/hooks/stt`);
});

function receive(request, response) {
  const id = request.get('webhook-id');
  let callback;
  try {
    // Constant-time; refuses a timestamp more than 5 minutes off this machine's clock. Without a raw body (another
    // parser came first) nothing is signed, and nothing passes.
    callback = webhook.verify(request.rawBody ?? '', request.headers);
  } catch (error) {
    console.log(`refused ${id}: ${error.message}`);
    response.sendStatus(401);
    return;
  }
  const first = remember(id);
  response.sendStatus(204);
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
