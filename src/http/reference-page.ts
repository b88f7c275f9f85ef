// `/docs`: the OpenAPI document as a page, drawn by Swagger UI in the browser. Needs no key; nothing on the page comes
// from anywhere but here.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { fixed, sendFixed } from './fixed.ts';

/** The package comes with Swagger UI's own files, ready for browsers: they are all that is used of it. */
const SWAGGER_UI = dirname(fileURLToPath(import.meta.resolve('@fastify/swagger-ui/static/swagger-ui.css')));

const SERVED = [
  'swagger-ui.css',
  'index.css',
  'swagger-ui-bundle.js',
  'swagger-ui-standalone-preset.js',
  'favicon-16x16.png',
  'favicon-32x32.png',
];

/**
 * What a page of ours may load and call: this server. Swagger UI writes a style element and draws with data: images;
 * scripts are files of ours alone.
 */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const page = (folder: string) => `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Ringback API</title>
<link rel="stylesheet" href="${folder}/swagger-ui.css">
<link rel="stylesheet" href="${folder}/index.css">
<link rel="icon" type="image/png" href="${folder}/favicon-32x32.png" sizes="32x32">
<link rel="icon" type="image/png" href="${folder}/favicon-16x16.png" sizes="16x16">
</head>
<body>
<div id="swagger-ui"></div>
<script src="${folder}/swagger-ui-bundle.js"></script>
<script src="${folder}/swagger-ui-standalone-preset.js"></script>
<script src="${folder}/swagger-initializer.js"></script>
</body>
</html>
`;

// The document lies beside the page, behind whatever path a proxy shows it under.
const START = `window.onload = () => {
  const here = location.href.split(/[?#]/, 1)[0].replace(/\\/?$/, '/');
  SwaggerUIBundle({
    dom_id: '#swagger-ui',
    url: new URL('json', here).href,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    plugins: [SwaggerUIBundle.plugins.DownloadUrl],
    layout: 'StandaloneLayout',
    validatorUrl: null,
    deepLinking: true,
    tryItOutEnabled: true,
  });
};
`;

export async function referencePage(server: FastifyInstance): Promise<void> {
  const headers = (reply: FastifyReply) => reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
  // Addresses in a page without a slash at its end are relative to the folder above.
  const above = fixed('index.html', page('docs/static'));
  const within = fixed('index.html', page('static'));
  server.get('/docs', async (request, reply) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    return sendFixed(request, headers(reply), pathname.endsWith('/') ? within : above);
  });
  const serve = (name: string, content: string | Buffer) => {
    const file = fixed(name, content);
    server.get(`/docs/static/${name}`, async (request, reply) => sendFixed(request, headers(reply), file));
  };
  for (const name of SERVED) serve(name, await readFile(join(SWAGGER_UI, name)));
  serve('swagger-initializer.js', START);
}
