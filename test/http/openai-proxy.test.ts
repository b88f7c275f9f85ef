// A proxy that gives up on a silent answer after a second, a real NGINX: what becomes of the three ways to wait behind it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Api, startApi } from '../rig/api.ts';
import { eventually } from '../rig/eventually.ts';
import { NGINX, type Nginx, startNginx } from '../rig/nginx.ts';

let api: Api;
let nginx: Nginx;
let url: string;
beforeAll(async () => {
  if (NGINX === null) return;
  api = await startApi({ heartbeatMs: 100 });
  const { port } = new URL(await api.server.listen({ host: '127.0.0.1', port: 0 }));
  nginx = await startNginx({
    server: (own) => `server {
      listen 127.0.0.1:${own};
      location / {
        proxy_pass http://127.0.0.1:${port};
        proxy_http_version 1.1;
        proxy_read_timeout 1s;
      }
    }`,
  });
  url = new URL(nginx.url).origin;
});
afterAll(async () => {
  await nginx?.stop();
  await api?.stop();
});

function send(fields: Record<string, string>, key?: string): Promise<Response> {
  const form = new FormData();
  form.append('file', new Blob(['sound']), 'a.wav');
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return fetch(`${url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.key}`, ...(key && { 'idempotency-key': key }) },
    body: form,
  });
}
const newest = async () => (await api.call({ url: '/v2/pre-recorded?limit=1' })).json.items[0];

test.skipIf(NGINX === null)('a silent request is given up by the proxy, and its job with it', async () => {
  expect((await send({ model: 'whisper-1' })).status).toBe(504);
  const { json } = await eventually(
    async () => api.call({ url: `/v2/pre-recorded/${(await newest()).id}` }),
    (record) => record.json.status !== 'queued',
  );
  expect(json).toMatchObject({ status: 'error', error_reason: 'cancelled' });
});

test.skipIf(NGINX === null)('with a key its job waits for the next time it is asked', async () => {
  expect((await send({ model: 'whisper-1' }, 'k')).status).toBe(504);
  const { id } = await newest();
  const again = await send({ model: 'whisper-1' }, 'k');
  expect(again.status).toBe(504);
  expect(await newest()).toMatchObject({ id, status: 'queued' });
});

test.skipIf(NGINX === null)('a stream outlasts its patience', async () => {
  const started = performance.now();
  const response = await send({ model: 'whisper-1', stream: 'true' });
  expect(response.status).toBe(200);
  const { id } = await newest();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    // Twice as long as the proxy waits for a silent answer.
    if (performance.now() - started > 2_000 && !text.includes('event'))
      await api.call({ method: 'POST', url: `/api/transcriptions/${id}/cancel` });
  }
  expect(text.split(':\n\n').length).toBeGreaterThan(10);
  expect(text).toMatch(/event: error\ndata: \{"error":\{.*"code":"cancelled"\}\}\n\n$/);
});
