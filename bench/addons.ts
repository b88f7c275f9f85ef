// How quickly /healthz answers while transcripts are analysed: entities, redaction and sentiment, one after the other,
// beside the same requests with nothing else to do. `--words N` of a transcript (10,000). Whole program.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createAddons } from '../src/addons/addons.ts';
import { createLog } from '../src/log.ts';
import { startRingback } from '../src/main.ts';
import { readSettings } from '../src/settings.ts';
import { spoken } from '../test/addons/labelled.ts';
import { machine, percentile } from './rig/ground.ts';

const LINE =
  'Hi, this is John Smith from Berlin, the delivery was terrible, please call five five five, one two three four.';
const ROUNDS = 5;
const EVERY_MS = 5;

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({ args: argv, options: { words: { type: 'string', default: '10000' } } });
  const lines = Math.ceil(Number(values.words) / LINE.split(' ').length);
  const utterances = Array.from({ length: lines }, (_, index) => spoken(LINE, index * 10));
  const folder = await mkdtemp(join(tmpdir(), 'ringback-bench-'));
  const ringback = await startRingback(
    readSettings({ RINGBACK_DATA_DIR: folder, RINGBACK_PORT: '0', RINGBACK_ROLE: 'api' }),
    createLog('silent'),
  );
  try {
    const health = `${ringback.url}/healthz`;
    const addons = createAddons({
      languageModel: null,
      onFault(error) {
        throw error;
      },
    });
    const request = { pii_redaction: true, named_entity_recognition: true, sentiment_analysis: true };
    let took = 0;
    const busy = await waits(health, async () => {
      const started = performance.now();
      for (let round = 0; round < ROUNDS; round++)
        await addons(utterances, request, new AbortController().signal);
      took = (performance.now() - started) / ROUNDS;
    });
    const idle = await waits(health, () => new Promise((resolve) => setTimeout(resolve, 5_000)));
    return {
      bench: 'addons',
      ...machine(),
      words: Number(values.words),
      analysis_ms: Math.round(took),
      idle,
      busy,
    };
  } finally {
    await ringback.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function waits(url: string, work: () => Promise<void>): Promise<object> {
  let done = false;
  const working = work().finally(() => {
    done = true;
  });
  const times: number[] = [];
  while (!done) {
    const asked = performance.now();
    await (await fetch(url)).text();
    times.push(performance.now() - asked);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  await working;
  times.sort((a, b) => a - b);
  const ms = (value: number) => Number(value.toFixed(1));
  return {
    requests: times.length,
    p50: ms(percentile(times, 0.5)),
    p99: ms(percentile(times, 0.99)),
    max: ms(times.at(-1) as number),
  };
}
