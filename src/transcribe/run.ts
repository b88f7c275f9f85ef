// The work of one job: get the audio, have it transcribed, add what was asked for. Touches no row.
import { randomUUID } from 'node:crypto';
import { extname } from 'node:path';
import type { AddonOutcome, RunAddons } from '../addons/addons.ts';
import { JobError } from '../errors.ts';
import { withoutNulls } from '../nulls.ts';
import type { Transcript } from '../speech/transcript.ts';
import { type AudioFolder, findAudio, type NewAudio } from '../store/audio.ts';
import type { Db } from '../store/database.ts';
import type { Started } from '../store/jobs.ts';
import { shapeUtterances, type TextOptions } from '../text/shape.ts';
import { refuseLanguage } from './language.ts';

export type RunDeps = {
  db: Db;
  audio: AudioFolder;
  /** Downloads to a file; throws JobError. */
  fetchAudio: (
    url: string,
    path: string,
    signal: AbortSignal,
  ) => Promise<{ bytes: number; filename: string }>;
  /** Bytes to words; throws JobError. */
  transcribe: (path: string, signal: AbortSignal) => Promise<Transcript>;
  /** Never fails but by its signal. */
  addons: RunAddons;
};

export type RunOutcome = {
  /** As it is to be shown: redacted, when that was asked for. */
  transcript: Transcript;
  envelopes: AddonOutcome['envelopes'];
  filename: string;
  /** Audio that came from elsewhere and is kept from now on, owned by nobody until the job's end is written. */
  fetched: NewAudio | null;
};

export async function runJob(deps: RunDeps, job: Started, signal: AbortSignal): Promise<RunOutcome> {
  refuseLanguage(job.request);
  return job.audio_id === null ? runFetched(deps, job, signal) : runStored(deps, job, job.audio_id, signal);
}

async function runStored(
  deps: RunDeps,
  job: Started,
  audioId: string,
  signal: AbortSignal,
): Promise<RunOutcome> {
  const audio = await findAudio(deps.db, job.account_id, audioId);
  if (!audio)
    throw new JobError(
      'audio_unreachable',
      'The uploaded file was removed before it was transcribed: upload it again.',
    );
  const heard = await hear(deps, job, audioId, signal);
  return { ...heard, filename: audio.filename, fetched: null };
}

/** Recognised, then shaped, then redacted: a spelling must not bring back what redaction took out. */
async function hear(
  deps: RunDeps,
  job: Started,
  audioId: string,
  signal: AbortSignal,
): Promise<Pick<RunOutcome, 'transcript' | 'envelopes'>> {
  const transcript = await deps.transcribe(deps.audio.path(audioId), signal);
  const shaped = await shapeUtterances(transcript.utterances, withoutNulls(job.request) as TextOptions);
  const { utterances, envelopes } = await deps.addons(shaped, job.request, signal);
  return { transcript: { ...transcript, utterances }, envelopes };
}

async function runFetched(deps: RunDeps, job: Started, signal: AbortSignal): Promise<RunOutcome> {
  const id = randomUUID();
  try {
    const { bytes, filename } = await deps.fetchAudio(job.audio_url, deps.audio.incoming(id), signal);
    await deps.audio.keep(id);
    const heard = await hear(deps, job, id, signal);
    const { transcript } = heard;
    const fetched: NewAudio = {
      id,
      account_id: job.account_id,
      filename,
      extension: extname(filename).slice(1).toLowerCase(),
      bytes,
      source_url: job.audio_url,
      duration: transcript.audioDuration,
      channels: transcript.channels,
    };
    return { ...heard, filename, fetched };
  } catch (error) {
    await deps.audio.remove(id);
    throw error;
  }
}
