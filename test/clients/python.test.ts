// The Python client: against the whole program with the real model, against our own signatures, and beside the API's
// description, so that no route is forgotten.
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import openapi from '../../docs/openapi.json' with { type: 'json' };
import { generateSecret, sign } from '../../src/signature.ts';
import { API_KEY, type App, startApp } from '../rig/app.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const folder = path('../../clients/python');
const run = promisify(execFile);
const hasPython = spawnSync('python3', ['--version']).status === 0;

/** Doors of other shapes, and what no program asks for. */
const NOT_CALLED = /^(\/|\/openapi\.json|\/health|\/metrics|\/v1\/.*|\/v2\/transcription.*)$/;

test('has every route, and none that is not there', () => {
  const source = readFileSync(`${folder}/ringback.py`, 'utf8');
  const called = [...source.matchAll(/"(GET|POST|PUT|PATCH|DELETE)",\s*"(\/[^"]*)"/g)].map(
    ([, method, route]) => `${method} ${route}`,
  );
  const offered = Object.entries(openapi.paths)
    .filter(([route]) => !NOT_CALLED.test(route))
    .flatMap(([route, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${route}`));
  expect([...new Set(called)].toSorted()).toEqual(offered.toSorted());
});

describe.skipIf(!hasPython)('with python3', () => {
  let app: App;
  beforeAll(async () => {
    app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny', RINGBACK_WORKERS: '1' });
  });
  afterAll(() => app.stop());

  test('every call does what it says', { timeout: 180_000 }, async () => {
    const { stdout } = await run('python3', [path('python/tour.py')], {
      env: {
        ...process.env,
        PYTHONPATH: folder,
        PYTHONDONTWRITEBYTECODE: '1',
        RINGBACK_URL: app.url,
        RINGBACK_API_KEY: API_KEY,
        CLIP: path('../fixtures/jfk.wav'),
      },
    });
    expect(stdout).toBe('the whole tour\n');
  });

  /** What `verify` says of it: the JSON, or the error. */
  async function verified(given: {
    body: Uint8Array;
    headers: Record<string, string>;
    secrets: string[];
    more?: object;
  }): Promise<string> {
    const { body, headers, secrets, more = {} } = given;
    const program = `
import base64, json, sys
from ringback import verify
given = json.loads(sys.stdin.read())
try:
    print(verify(base64.b64decode(given["body"]), given["headers"], given["secrets"], **given["more"]).decode()[:100])
except Exception as error:
    print(f"{type(error).__name__}: {error}")
`;
    const { stdout } = spawnSync('python3', ['-c', program], {
      input: JSON.stringify({ body: Buffer.from(body).toString('base64'), headers, secrets, more }),
      env: { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' },
      encoding: 'utf8',
    });
    return stdout.trim();
  }

  test('takes what we sign, and nothing else', async () => {
    const [secret, other] = [generateSecret(), generateSecret()];
    const content = Buffer.from('{"id":"é"}');
    const now = Math.floor(Date.now() / 1_000);
    const signed = (secrets: string[], at = now) => ({
      'Webhook-Id': 'msg_1',
      'webhook-timestamp': String(at),
      'webhook-signature': sign(secrets, 'msg_1', at, content),
    });
    const ours = { body: content, headers: signed([secret]), secrets: [secret] };
    expect(await verified(ours)).toBe('{"id":"é"}');
    expect(await verified({ ...ours, headers: signed([other, secret]) })).toBe('{"id":"é"}');
    expect(await verified({ ...ours, secrets: [other, secret] })).toBe('{"id":"é"}');
    expect(await verified({ ...ours, secrets: [other] })).toBe('SignatureError: no signature matches');
    expect(await verified({ ...ours, secrets: [] })).toBe('ValueError: no signing secret was given');
    expect(await verified({ ...ours, headers: signed([secret], now - 400) })).toMatch(
      /SignatureError: .* s too old/,
    );
    expect(await verified({ ...ours, headers: signed([secret], now + 400) })).toMatch(
      /SignatureError: .* s too new/,
    );
    expect(await verified({ ...ours, headers: signed([secret], now - 400), more: { tolerance: 500 } })).toBe(
      '{"id":"é"}',
    );
    expect(await verified({ ...ours, headers: { ...signed([secret]), 'webhook-timestamp': '٣' } })).toMatch(
      /no number/,
    );
    expect(await verified({ ...ours, headers: {} })).toMatch(/SignatureError: .* missing/);
    expect(await verified({ ...ours, secrets: ['secret'] })).toMatch(
      /ValueError: a signing secret is whsec_/,
    );
    expect(await verified({ ...ours, secrets: ['whpk_x'] })).toMatch(/ValueError: Ed25519/);

    const packed = { ...ours, headers: { ...ours.headers, 'content-encoding': 'gzip' } };
    expect(await verified({ ...packed, body: gzipSync(content) })).toBe('{"id":"é"}');
    expect(await verified(packed), 'unpacked by a framework').toBe('{"id":"é"}');
    const broken = Buffer.from([0x1f, 0x8b, 0xff, 0xff, 0xff]);
    expect(await verified({ ...packed, body: broken })).toMatch(/cannot be unpacked/);
    expect(await verified({ ...packed, body: gzipSync(content).subarray(0, -4) })).toMatch(/cut off/);
    expect(await verified({ ...packed, body: gzipSync(Buffer.alloc(65_000_000)) })).toMatch(/too large/);
    const brotli = { ...ours.headers, 'content-encoding': 'br' };
    expect(await verified({ ...ours, headers: brotli })).toMatch(/packed with br/);
  });
});
