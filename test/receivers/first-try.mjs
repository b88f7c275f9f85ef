// A receiver as most people write it first: Express, `express.json()`, no signature. BODY_LIMIT is what its manual says
// to raise; unset, it is Express' own.
import express from 'express';

const { PORT = '0', BODY_LIMIT } = process.env;

const app = express();
app.use(express.json(BODY_LIMIT ? { limit: BODY_LIMIT } : undefined));
app.post('/hooks/stt', (request, response) => {
  response.sendStatus(200);
  const { payload, reason, result_url, payload_bytes } = request.body;
  console.log(
    payload
      ? `full ${request.get('webhook-id')} ${Buffer.byteLength(JSON.stringify(payload))}`
      : `reference ${request.get('webhook-id')} ${reason} ${payload_bytes} ${result_url}`,
  );
});
const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}/hooks/stt`);
});
