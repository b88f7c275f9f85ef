// The figures of /api/stats as the overview draws them. Pure.
import type { Stats as Answer, StatsQuery } from '../../src/http/schemas/stats.ts';

export const SPANS = {
  '1h': { seconds: 3_600, step: 60, words: 'in the last hour', made: '1h' },
  '24h': { seconds: 86_400, step: 1_800, words: 'in the last 24 hours', made: '24h' },
  '7d': { seconds: 604_800, step: 10_800, words: 'in the last 7 days', made: '7d' },
} as const;
export type SpanName = keyof typeof SPANS;

/** Up to the end of the step that is under way, so that the last bar grows instead of moving. */
export function statsQuery(name: SpanName, now: Date): StatsQuery {
  const { seconds, step } = SPANS[name];
  const to = Math.ceil(now.getTime() / 1_000 / step) * step;
  return {
    from: new Date(1_000 * (to - seconds)).toISOString(),
    to: new Date(1_000 * to).toISOString(),
    step,
  };
}

export type Stats = {
  /** Unix seconds. */
  times: number[];
  step: number;
  delivered: number[];
  failed: number[];
  cancelled: number[];
  p50: (number | null)[];
  p95: (number | null)[];
  done: number[];
  errors: number[];
  /** Hours of audio in an hour. */
  audio: number[];
  total: {
    delivered: number;
    failed: number;
    cancelled: number;
    p50: number | null;
    p95: number | null;
    audioHours: number;
  };
  waiting: number;
  oldestWaiting: string | null;
  queued: number;
  processing: number;
};

export function statsOf({ steps, step_s: step, total, now }: Answer): Stats {
  return {
    times: steps.map(({ at }) => Date.parse(at) / 1_000),
    step,
    delivered: steps.map(({ callbacks }) => callbacks.delivered),
    failed: steps.map(({ callbacks }) => callbacks.failed),
    cancelled: steps.map(({ callbacks }) => callbacks.cancelled),
    p50: steps.map(({ attempts }) => attempts.p50_ms),
    p95: steps.map(({ attempts }) => attempts.p95_ms),
    done: steps.map(({ transcriptions }) => transcriptions.done),
    errors: steps.map(({ transcriptions }) => transcriptions.error),
    audio: steps.map(({ audio_s }) => audio_s / step),
    total: {
      ...total.callbacks,
      p50: total.attempts.p50_ms,
      p95: total.attempts.p95_ms,
      audioHours: total.audio_s / 3_600,
    },
    waiting: now.waiting,
    oldestWaiting: now.oldest_waiting_at,
    queued: now.queued,
    processing: now.processing,
  };
}
