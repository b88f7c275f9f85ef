// ONNX Runtime's telemetry is off wherever we load it: it would leave files, and ask a host of its maker's.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const engine = new URL('../../src/speech/engine.ts', import.meta.url).href;
const cacheDirectory = path.join(tmpdir(), 'ringback-test-models');

async function leftBehind(script: string): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ringback-telemetry-'));
  // Nothing else of our environment: where it names a CI machine, the library's telemetry is silent by itself.
  const { PATH, HOME } = process.env;
  try {
    await run(process.execPath, ['--input-type=module', '-e', script], {
      env: { PATH, HOME, TMPDIR: folder },
    });
    return await readdir(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

it('a loaded model leaves no trace of telemetry', { timeout: 60_000 }, async () => {
  const options = JSON.stringify({ model: 'moonshine-tiny', cacheDirectory, threads: 1 });
  expect(
    await leftBehind(
      `const { loadEngine } = await import('${engine}'); await (await loadEngine(${options})).close();`,
    ),
  ).toEqual([]);
});

it('control: by itself it leaves its log', { timeout: 60_000 }, async () => {
  const library = import.meta.resolve('onnxruntime-node');
  const script = `const { default: ort } = await import('${library}'); await ort.InferenceSession.create(new Uint8Array([1])).catch(() => {});`;
  expect((await leftBehind(script)).join()).toMatch(/mat-debug/);
});
