// The work of one job whose audio is here: have it transcribed, add what was asked for. Touches no row.
import type { AddonOutcome, RunAddons } from '../addons/addons.ts';
import { JobError } from '../errors.ts';
import type { ChannelMode } from '../job-options.ts';
import { withoutNulls } from '../nulls.ts';
import type { Transcript } from '../speech/transcript.ts';
import { type AudioFolder, findAudio } from '../store/audio.ts';
import type { Db } from '../store/database.ts';
import type { Started } from '../store/jobs.ts';
import { shapeUtterances, type TextOptions } from '../text/shape.ts';
import { refuseLanguage } from './language.ts';
import type { Phases } from './phases.ts';
import { withSpeakers } from './speakers.ts';

/** What a request says about the recording itself. */
export type Hearing = {
  /** Of its audio tracks, from 1; null for the default one. */
  track: number | null;
  /** Null: as the sound tells. */
  channels: ChannelMode | null;
};

export type RunDeps = {
  db: Db;
  audio: AudioFolder;
  /** Bytes to words; throws JobError. */
  transcribe: (
    path: string,
    signal: AbortSignal,
    account: string,
    how: Hearing,
    /** Called whenever something is heard of the one that it is in. */
    onPhase: (phase: 'decoding' | 'recognising') => void,
  ) => Promise<Transcript>;
  /** Never fails but by its signal. */
  addons: RunAddons;
};

export type RunOutcome = {
  /** As it is to be shown: redacted, when that was asked for. */
  transcript: Transcript;
  envelopes: AddonOutcome['envelopes'];
  filename: string;
};

/** Recognised, then shaped, then redacted: a spelling must not bring back what redaction took out. */
export async function runJob(
  deps: RunDeps,
  job: Started,
  { signal, phases }: { signal: AbortSignal; phases: Phases },
): Promise<RunOutcome> {
  refuseLanguage(job.request);
  const audio = job.audio_id === null ? undefined : await findAudio(deps.db, job.account_id, job.audio_id);
  if (!audio)
    throw new JobError(
      'audio_unreachable',
      'The uploaded file was removed before it was transcribed: upload it again.',
    );
  const request = withoutNulls(job.request) as TextOptions & {
    audio_track?: number;
    diarization?: boolean;
    channels?: ChannelMode;
  };
  const how = { track: request.audio_track ?? null, channels: request.channels ?? null };
  const transcript = await inPhases(phases, (onPhase) =>
    deps.transcribe(deps.audio.path(audio.id), signal, job.account_id, how, onPhase),
  );
  const shaped = withSpeakers(
    await shapeUtterances(transcript.utterances, request),
    request.diarization === true && transcript.distinctChannels > 1,
  );
  const { utterances, envelopes } = await phases.during('add-ons', () =>
    deps.addons(shaped, job.request, signal),
  );
  return { transcript: { ...transcript, utterances }, envelopes, filename: audio.filename };
}

/** It decodes until it says that it recognises. */
async function inPhases<T>(
  phases: Phases,
  work: (onPhase: (phase: 'decoding' | 'recognising') => void) => Promise<T>,
): Promise<T> {
  const decoding = phases.begin('decode');
  let current = decoding;
  try {
    const result = await work((phase) => {
      if (phase === 'decoding' || current !== decoding) return;
      decoding.end();
      current = phases.begin('recognise');
    });
    current.end();
    return result;
  } catch (error) {
    current.end(error);
    throw error;
  }
}
