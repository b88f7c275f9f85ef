// Figures of an account over a time, for whoever operates it.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import type { Db } from '../store/database.ts';
import { readLatency, readNow, readStats, type StatsStep } from '../store/stats.ts';
import { isInstant } from './dates.ts';
import type { Query } from './page.ts';
import { isUuid } from './params.ts';
import * as schemas from './schemas/stats.ts';

const DAY_S = 86_400;
const LONGEST_S = 31 * DAY_S;
const MOST_STEPS = 1_000;
const USUAL_STEPS = 48;
const SHORTEST_STEP_S = 60;

export function statsRoutes(server: FastifyInstance, { db }: { db: Db }): void {
  server.get('/api/stats', { schema: schemas.readStats }, async (request): Promise<schemas.Stats> => {
    const query = request.query as Query;
    const { from, to, stepS } = readSpan(query, new Date());
    const endpointId = readEndpoint(query);
    const span = { accountId: request.account, from, to, stepS, endpointId };
    const [steps, latency, now] = await Promise.all([
      readStats(db, span),
      readLatency(db, span),
      readNow(db, span),
    ]);
    const sum = (name: 'delivered' | 'failed' | 'cancelled' | 'attempts' | 'done' | 'error' | 'audio') =>
      steps.reduce((sum, step) => sum + step[name], 0);
    return {
      from: from.toISOString(),
      to: to.toISOString(),
      step_s: stepS,
      total: figures({
        delivered: sum('delivered'),
        failed: sum('failed'),
        cancelled: sum('cancelled'),
        attempts: sum('attempts'),
        done: sum('done'),
        error: sum('error'),
        audio: sum('audio'),
        ...latency,
      }),
      now: {
        waiting: now.waiting,
        oldest_waiting_at: now.oldest_waiting?.toISOString() ?? null,
        queued: now.queued,
        processing: now.processing,
        oldest_queued_at: now.oldest_queued?.toISOString() ?? null,
      },
      steps: steps.map((step) => ({ at: step.at.toISOString(), ...figures(step) })),
    };
  });
}

function readEndpoint({ endpoint }: Query): string | null {
  if (endpoint === undefined || endpoint === '') return null;
  if (isUuid(String(endpoint))) return String(endpoint);
  throw new HttpError('request_invalid', { sentences: ['endpoint must be the id of an endpoint'] });
}

function figures(step: Omit<StatsStep, 'at'>): schemas.Stats['total'] {
  const { delivered, failed, cancelled, attempts: count, p50, p95, done, error, audio } = step;
  return {
    callbacks: { delivered, failed, cancelled },
    attempts: { count, p50_ms: p50, p95_ms: p95 },
    transcriptions: { done, error },
    audio_s: audio,
  };
}

function readSpan(query: Query, now: Date): { from: Date; to: Date; stepS: number } {
  const sentences: string[] = [];
  const instant = (name: string, usual: Date): Date => {
    const text = String(query[name] ?? '');
    if (text === '') return usual;
    if (isInstant(text)) return new Date(text);
    sentences.push(`${name} must be a valid ISO 8601 date string with a zone, such as 2026-11-22T09:30:00Z`);
    return usual;
  };
  const to = instant('to', now);
  const from = instant('from', new Date(to.getTime() - 1_000 * DAY_S));
  const lengthS = (to.getTime() - from.getTime()) / 1_000;
  if (lengthS <= 0) sentences.push('from must be before to');
  if (lengthS > LONGEST_S) sentences.push('from must not be more than 31 days before to');
  const usual = Math.max(SHORTEST_STEP_S, Math.ceil(lengthS / USUAL_STEPS / 60) * 60);
  const stepS = query.step === undefined ? usual : Number(query.step);
  if (!Number.isInteger(stepS) || stepS < SHORTEST_STEP_S || stepS > DAY_S)
    sentences.push('step must be a whole number of seconds from 60 to 86400');
  else if (lengthS / stepS > MOST_STEPS)
    sentences.push(`step must be larger: at most ${MOST_STEPS} steps are answered`);
  if (sentences.length > 0) throw new HttpError('request_invalid', { sentences });
  return { from, to, stepS };
}
