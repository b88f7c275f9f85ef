// Cancelling, for the HTTP side: the job's end and its callback are rendered as every other end is.

import type { Logger } from 'pino';
import { cancelJob } from '../store/cancel.ts';
import type { TellingDb } from '../store/database.ts';
import type { JobRow } from '../store/jobs.ts';
import { type CallbackSettings, renderEnd } from './callback.ts';
import { endedElsewhere } from './job-line.ts';

const ERROR = { code: 'cancelled', message: 'The transcription was cancelled on request.' } as const;

export type CancelDeps = {
  db: TellingDb;
  audio: { remove(id: string): Promise<void> };
  callback: CallbackSettings;
  log: Pick<Logger, 'info'>;
};

/** The job as it is now, cancelled or ended before; undefined: there is no such job. */
export async function cancelTranscription(
  { db, audio, callback, log }: CancelDeps,
  accountId: string,
  id: string,
): Promise<JobRow | undefined> {
  const cancelled = await cancelJob(db, accountId, id, (job) => ({
    error: ERROR,
    ...renderEnd(callback, job, { error: ERROR }),
  }));
  if (cancelled && cancelled.audioId !== null) await audio.remove(cancelled.audioId);
  if (cancelled?.isNew) log.info(endedElsewhere(cancelled.job, ERROR.code), 'job ended');
  return cancelled?.job;
}
