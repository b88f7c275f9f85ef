// What the pool and its child processes say to one another over IPC. Data only: classes do not survive the boundary.

import type { JobErrorCode } from '../errors.ts';
import type { ChannelMode } from '../job-options.ts';
import type { Shortage } from '../shortage.ts';
import type { Transcript } from './transcript.ts';

export type Phase = 'decoding' | 'recognising';

/** `fraction` of this phase, 0 to 1; null where the length of the audio is not known yet. */
export type Progress = { phase: Phase; fraction: number | null };

/**
 * How far to go: read the length and channels from the container, where it tells them exactly; decode for them; or
 * recognise the words as well.
 */
export type Work = 'measure' | 'decode' | 'recognise';

export type ChildSettings = {
  model: string;
  cacheDirectory: string;
  ffmpeg: string | null;
  maxDurationSeconds: number;
  decodeTimeoutMs: number;
  /** URL of the module with `loadEngine`. */
  engineModule: string;
};

export type ToChild =
  | { type: 'settings'; settings: ChildSettings }
  | { type: 'load' }
  | {
      type: 'job';
      id: number;
      path: string;
      directory: string;
      work: Work;
      track: number | null;
      channels: ChannelMode | null;
    }
  | { type: 'abort'; id: number };

export type FromChild =
  /** Why the model is slow: see Engine. */
  | { type: 'loaded'; slowBecause: string | null }
  | { type: 'unloadable'; message: string; cause: string }
  | { type: 'progress'; id: number; progress: Progress }
  /** Bytes that the decoded sound will take in the folder of the job. */
  | { type: 'needs'; id: number; bytes: number }
  | { type: 'done'; id: number; transcript: Transcript }
  /** Only decoding can tell its length. */
  | { type: 'unmeasured'; id: number }
  | { type: 'failed'; id: number; code: JobErrorCode; message: string; cause: string }
  /** Something of our own ran out: see ShortageError. */
  | { type: 'short'; id: number; shortage: Shortage; suspect: boolean; message: string }
  /** The job stopped because of `abort`. */
  | { type: 'stopped'; id: number }
  /** Bytes of resident memory; sent only where the parent cannot look for itself. */
  | { type: 'memory'; rss: number };
