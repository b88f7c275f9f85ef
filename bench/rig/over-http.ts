// A set of clips through the HTTP API of the whole program: upload, submit, poll, one clip at a time on one worker, so
// that wall time is about one core's.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../src/log.ts';
import { startRingback } from '../../src/main.ts';
import { readSettings } from '../../src/settings.ts';
import { comparableWords, type WordErrors, wordErrors } from '../wer.ts';

const KEY = 'rb_bench_0123456789';
const POLL_MS = 50;

type JobRecord = {
  status: string;
  error_message: string | null;
  result: { metadata: { audio_duration: number }; transcription: { full_transcript: string } } | null;
};

export type Clip = { path: string; reference: string };

/** Errors of each clip, seconds of audio, seconds from the first upload to the last answer. */
export async function overHttp(
  clips: readonly Clip[],
  model: string,
): Promise<{ errors: WordErrors[]; audio: number; wall: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-bench-'));
  const settings = {
    RINGBACK_DATA_DIR: folder,
    RINGBACK_PORT: '0',
    RINGBACK_API_KEYS: KEY,
    RINGBACK_WORKERS: '1',
    RINGBACK_MODEL: model,
  };
  const ringback = await startRingback(readSettings(settings), createLog('silent'));
  const errors: WordErrors[] = [];
  let audio = 0;
  try {
    const started = performance.now();
    for (const { path, reference } of clips) {
      const record = await transcribe(ringback.url as string, path);
      if (!record.result) throw new Error(`${path}: ${record.error_message}`);
      audio += record.result.metadata.audio_duration;
      const heard = comparableWords(record.result.transcription.full_transcript);
      errors.push(wordErrors(comparableWords(reference), heard));
    }
    return { errors, audio, wall: (performance.now() - started) / 1_000 };
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
