// How quickly /healthz answers while every core transcribes: one long file per core, a request every 20 ms.
// `--minutes N` of audio per file (10; an hour takes its time). Whole program, real model.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLog } from '../src/log.ts';
import { startRingback } from '../src/main.ts';
import { readSettings } from '../src/settings.ts';
import { machine, percentile } from './rig/ground.ts';

const CLIP = new URL('../test/fixtures/jfk.wav', import.meta.url);
const CLIP_SECONDS = 11;
const EVERY_MS = 20;

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({ args: argv, options: { minutes: { type: 'string', default: '10' } } });
  const folder = await mkdtemp(join(tmpdir(), 'ringback-bench-'));
  const key = 'rb_bench_0123456789';
  const ringback = await startRingback(
    readSettings({ RINGBACK_DATA_DIR: folder, RINGBACK_PORT: '0', RINGBACK_API_KEYS: key }),
    createLog('silent'),
  );
  try {
    const url = ringback.url as string;
    const headers = { 'x-gladia-key': key };
    const form = new FormData();
    form.set('audio', new Blob([longWav(await readFile(CLIP), Number(values.minutes))]), 'long.wav');
    const upload = await (await fetch(`${url}/v2/upload`, { method: 'POST', headers, body: form })).json();
    const { audio_url } = upload as { audio_url: string };
    const ids = await Promise.all(
      Array.from({ length: availableParallelism() }, async () => {
        const created = await fetch(`${url}/v2/pre-recorded`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify({ audio_url }),
        });
        return ((await created.json()) as { id: string }).id;
      }),
    );
    const waits: number[] = [];
    const started = performance.now();
    const status = async (id: string) =>
      ((await (await fetch(`${url}/v2/pre-recorded/${id}`, { headers })).json()) as { status: string })
        .status;
    for (let n = 0; ; n++) {
      const asked = performance.now();
      await (await fetch(`${url}/healthz`)).text();
      waits.push(performance.now() - asked);
      if (
        n % 50 === 0 &&
        (await Promise.all(ids.map(status))).every((one) => one === 'done' || one === 'error')
      )
        break;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    waits.sort((a, b) => a - b);
    const round = (value: number) => Number(value.toFixed(1));
    return {
      bench: 'health',
      ...machine(),
      transcriptions: ids.length,
      minutes_each: Number(values.minutes),
      took_s: Math.round((performance.now() - started) / 1_000),
      requests: waits.length,
      ms: {
        p50: round(percentile(waits, 0.5)),
        p99: round(percentile(waits, 0.99)),
        max: round(waits.at(-1) as number),
      },
    };
  } finally {
    await ringback.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The clip again and again, under one header. */
function longWav(clip: Buffer, minutes: number): Uint8Array<ArrayBuffer> {
  const at = clip.indexOf('data') + 8;
  const samples = clip.subarray(at, at + clip.readUInt32LE(at - 4));
  const times = Math.ceil((minutes * 60) / CLIP_SECONDS);
  const head = Buffer.from(clip.subarray(0, at));
  head.writeUInt32LE(samples.length * times, at - 4);
  head.writeUInt32LE(head.length - 8 + samples.length * times, 4);
  return new Uint8Array(Buffer.concat([head, ...Array.from({ length: times }, () => samples)]));
}
