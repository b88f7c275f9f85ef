// Word error rate of a set of clips through the HTTP API of the whole program: upload, submit, poll, one clip at a time
// on one worker, so that wall time is about one core's. `--set FOLDER`, or `--table FILE --audio FOLDER`.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLog } from '../src/log.ts';
import { startRingback } from '../src/main.ts';
import { readSettings } from '../src/settings.ts';
import { machine } from './rig/ground.ts';
import { clipsOf, OWN_SET } from './speech.ts';
import { comparableWords, type WordErrors, wordErrorRate, wordErrors } from './wer.ts';

const KEY = 'rb_bench_0123456789';
const POLL_MS = 50;

type JobRecord = {
  status: string;
  error_message: string | null;
  result: { metadata: { audio_duration: number }; transcription: { full_transcript: string } } | null;
};

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      set: { type: 'string', default: OWN_SET },
      table: { type: 'string' },
      audio: { type: 'string' },
      model: { type: 'string', default: 'moonshine-base' },
    },
  });
  const clips = await clipsOf(values.table ?? join(values.set, 'set.tsv'));
  const folder = await mkdtemp(join(tmpdir(), 'ringback-bench-'));
  const settings = {
    RINGBACK_DATA_DIR: folder,
    RINGBACK_PORT: '0',
    RINGBACK_API_KEYS: KEY,
    RINGBACK_WORKERS: '1',
    RINGBACK_MODEL: values.model,
  };
  const ringback = await startRingback(readSettings(settings), createLog('silent'));
  const results: WordErrors[] = [];
  let audio = 0;
  try {
    const started = performance.now();
    for (const { file, reference } of clips) {
      const record = await transcribe(ringback.url as string, join(values.audio ?? values.set, file));
      if (!record.result) throw new Error(`${file}: ${record.error_message}`);
      audio += record.result.metadata.audio_duration;
      const heard = comparableWords(record.result.transcription.full_transcript);
      results.push(wordErrors(comparableWords(reference), heard));
    }
    const wall = (performance.now() - started) / 1_000;
    return {
      bench: 'speech-http',
      ...machine(),
      model: values.model,
      clips: clips.length,
      words: results.reduce((sum, { reference }) => sum + reference, 0),
      word_errors: results.reduce((sum, { errors }) => sum + errors, 0),
      wer: Number(wordErrorRate(results).toFixed(4)),
      audio_seconds: Math.round(audio),
      wall_per_audio_second: Number((wall / audio).toFixed(3)),
    };
  } finally {
    await ringback.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function transcribe(url: string, file: string): Promise<JobRecord> {
  const headers = { 'x-gladia-key': KEY };
  const form = new FormData();
  form.set('audio', new Blob([new Uint8Array(await readFile(file))]), 'clip.wav');
  const upload = await fetch(`${url}/v2/upload`, { method: 'POST', headers, body: form });
  const { audio_url } = (await upload.json()) as { audio_url: string };
  const created = await fetch(`${url}/v2/pre-recorded`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ audio_url }),
  });
  const { id } = (await created.json()) as { id: string };
  for (;;) {
    const record = (await (await fetch(`${url}/v2/pre-recorded/${id}`, { headers })).json()) as JobRecord;
    if (record.status === 'done' || record.status === 'error') return record;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
