// The first stage of a job with an `audio_url` of somebody else's: its audio is brought here, and then the job waits for
// a place among those whose audio is here already.
import { randomUUID } from 'node:crypto';
import { extname } from 'node:path';
import type { AudioFolder, NewAudio } from '../store/audio.ts';
import type { Started } from '../store/jobs.ts';
import { refuseLanguage } from './language.ts';

export type DownloadDeps = {
  audio: AudioFolder;
  /** Downloads to a file; throws JobError. */
  fetchAudio: (
    url: string,
    path: string,
    signal: AbortSignal,
  ) => Promise<{ bytes: number; filename: string }>;
};

/** `park` gives the audio to the job, and says whether it is the job's now; where it is not, the file goes. */
export async function downloadAudio(
  { audio, fetchAudio }: DownloadDeps,
  job: Started,
  signal: AbortSignal,
  park: (audio: NewAudio) => Promise<boolean>,
): Promise<void> {
  refuseLanguage(job.request);
  const id = randomUUID();
  let kept = false;
  try {
    const { bytes, filename } = await fetchAudio(job.audio_url, audio.incoming(id), signal);
    signal.throwIfAborted();
    await audio.keep(id);
    kept = await park({
      id,
      account_id: job.account_id,
      filename,
      extension: extname(filename).slice(1).toLowerCase(),
      bytes,
      source_url: job.audio_url,
      duration: null,
      channels: null,
    });
  } finally {
    if (!kept) await audio.remove(id);
  }
}
