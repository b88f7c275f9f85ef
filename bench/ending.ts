// How long the event loop stands still while the job of a long recording ends: its result rendered, with sentences and
// subtitles, and written with its callback. `--hours N` of speech (10). Real database, no recognition.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLog } from '../src/log.ts';
import { ShortageLog } from '../src/shortage-log.ts';
import type { Transcript } from '../src/speech/transcript.ts';
import { openAudioFolder } from '../src/store/audio.ts';
import { findJob, type Started, startJob } from '../src/store/jobs.ts';
import { insertJob } from '../src/store/submissions.ts';
import { NO_TRACING } from '../src/trace.ts';
import { handleJob } from '../src/transcribe/handler.ts';
import { HeldRuns, JOB_LEASE_MS } from '../src/transcribe/held-runs.ts';
import { ShortageWaits } from '../src/transcribe/waits.ts';
import { insertAnyAudio } from '../test/rig/job.ts';
import { watchTurns } from '../test/rig/turns.ts';
import { utterance } from '../test/text/spoken.ts';
import { machine, openGround } from './rig/ground.ts';

const SAID =
  'Mr. Smith called again, so we answered the phone. Nobody was there, and it rained all the day. We had tea and went home.';
const EVERY_S = 10;
const REQUEST = { sentences: true, subtitles: true, subtitles_config: { formats: ['srt', 'vtt'] } };
const ROUNDS = 4;

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({ args: argv, options: { hours: { type: 'string', default: '10' } } });
  const audioDuration = Number(values.hours) * 3_600;
  const utterances = Array.from({ length: audioDuration / EVERY_S }, (_, at) =>
    utterance(at * EVERY_S, SAID),
  );
  const transcript = { audioDuration, channels: 1, distinctChannels: 1, utterances };
  const ground = await openGround();
  const folder = await mkdtemp(join(tmpdir(), 'ringback-bench-'));
  const rounds: Round[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) rounds.push(await end(ground, folder, transcript));
  } finally {
    await ground.close();
    await rm(folder, { recursive: true, force: true });
  }
  // The first compiles.
  return {
    bench: 'ending',
    ...machine(),
    words: utterances.length * SAID.split(' ').length,
    unit: 'ms',
    rounds,
  };
}

type Round = { took: number; longest_turn: number; longest_turn_processor: number };

async function end(
  { database: { db }, account }: Awaited<ReturnType<typeof openGround>>,
  folder: string,
  transcript: Transcript,
): Promise<Round> {
  const audioId = await insertAnyAudio(db, account);
  const id = randomUUID();
  const url = 'https://app.example.org/hooks';
  await insertJob(db, {
    id,
    accountId: account,
    audioUrl: 'https://cdn.example.org/a.mp3',
    audioId,
    request: REQUEST,
    customMetadata: null,
    callback: { url, method: 'POST', form: 'full', gzip: false },
  });
  const log = createLog('warn');
  const runs = new HeldRuns(db, log);
  const job = (await startJob(db, id, JOB_LEASE_MS)) as Started;
  const turns = watchTurns();
  await handleJob(
    {
      db,
      audio: await openAudioFolder(folder),
      fetchAudio: async () => {
        throw new Error('its audio is here');
      },
      transcribe: async () => transcript,
      addons: async (utterances) => ({ utterances, envelopes: {} }),
      callback: { format: 'short', publicUrl: () => 'http://127.0.0.1:4747', firstWaitMs: () => 0 },
      runs,
      shortages: new ShortageLog({ log, now: () => performance.now() }),
      waits: new ShortageWaits(),
      tracing: NO_TRACING,
      tally: { add: () => {} },
      log,
    },
    job,
    new AbortController().signal,
  );
  const { took, longest, longestProcessor } = await turns();
  await runs.stop();
  const ended = await findJob(db, account, id);
  if (ended?.state !== 'done') throw new Error(`the job ended ${ended?.state}: nothing was measured`);
  return {
    took: Math.round(took),
    longest_turn: Math.round(longest),
    longest_turn_processor: Math.round(longestProcessor),
  };
}
