// `GET /metrics` for Prometheus: counts over all accounts, and of this process. Needs no key, and says nothing of any
// account, endpoint or id.
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Db } from '../store/database.ts';
import { type Figures, readFigures } from '../store/figures.ts';
import { type DatabaseProbe, within } from './database-probe.ts';
import type { Listeners } from './listeners.ts';
import { RunDurations } from './run-durations.ts';
import { getMetrics } from './schemas/server.ts';

export type MetricsDeps = {
  db: Db;
  listeners: Listeners;
  log: FastifyBaseLogger;
  /** Jobs the queue still holds. */
  queueDepth: () => Promise<number>;
};

const FRESH_MS = 5_000;
/** Writing the text takes 2 ms: asked 400 times a second, others would wait for it. */
const TEXT_FRESH_MS = 1_000;
/** For counting, and then for the database to say that it is there: both together within the 2 s that are promised. */
const WAIT_MS = 800;
/** However large the tables, counting takes no more than one second in so many. */
const SHARE = 50;

/** Routes whose requests are open for as long as a job takes, or their client likes. */
const LONG: ReadonlySet<string> = new Set(['/api/events', '/v1/audio/transcriptions']);

export function metricsRoutes(
  server: FastifyInstance,
  { db, listeners, log, queueDepth, database }: MetricsDeps & { database: DatabaseProbe },
): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge({ name, help, labelNames, registers });

  const up = gauge('ringback_database_up', 'Whether the database answered when it was last asked');
  const jobs = gauge('ringback_jobs', 'Transcriptions, by state', ['state']);
  const depth = gauge('ringback_queue_depth', 'Jobs in the queue that no worker has taken');
  const deliveries = gauge('ringback_deliveries', 'Callbacks, by state', ['state']);
  const oldest = gauge(
    'ringback_oldest_undelivered_seconds',
    'Age of the oldest callback that is neither delivered nor given up; 0: there is none',
  );
  const oldestQueued = gauge(
    'ringback_oldest_queued_seconds',
    'Age of the oldest transcription that waits for a place; 0: none waits',
  );
  const oldestDue = gauge(
    'ringback_oldest_due_seconds',
    'How long a callback has been due without being sent, at an endpoint that may be called; 0: there is none',
  );
  const places = gauge('ringback_transcription_places', 'Transcriptions that all processes can do at a time');
  const busy = gauge('ringback_transcription_places_busy', 'Transcriptions under way, in all processes');
  const downloads = gauge('ringback_downloads', 'Downloads of audio under way, in all processes');
  const processes = gauge('ringback_processes', 'Processes that live on this database, by role', ['role']);
  const endpoints = gauge('ringback_endpoints', 'Endpoints, by the state of their breaker', ['state']);
  const runs = new RunDurations(registers);
  const attempts = new Counter({
    name: 'ringback_delivery_attempts_total',
    help: 'Attempts to deliver a callback, by outcome, of all processes',
    labelNames: ['outcome'],
    registers,
  });
  const waiting = gauge(
    'ringback_waiting_requests',
    'Requests that wait for the end of a job, in this process',
  );
  const streams = gauge('ringback_event_streams', 'Open event streams, in this process');
  const durations = new Histogram({
    name: 'ringback_http_request_duration_seconds',
    help: 'Time from the request to the end of the answer, by route; without those that wait or stream',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  });

  server.addHook('onResponse', async (request, reply) => {
    // With and without a trailing slash it is one route.
    const route = request.routeOptions.url?.replace(/(.)\/$/, '$1') ?? 'none';
    if (LONG.has(route) || (request.query as { wait?: unknown } | undefined)?.wait !== undefined) return;
    const status = `${Math.floor(reply.statusCode / 100)}xx`;
    durations.observe({ method: request.method, route, status }, reply.elapsedTime / 1_000);
  });

  const show = (figures: Figures, queued: number) => {
    for (const [state, count] of Object.entries(figures.jobs)) jobs.set({ state }, count);
    for (const [state, count] of Object.entries(figures.deliveries)) deliveries.set({ state }, count);
    for (const [role, count] of Object.entries(figures.processes)) processes.set({ role }, count);
    for (const [state, count] of Object.entries(figures.endpoints)) endpoints.set({ state }, count);
    oldest.set(figures.oldestUndelivered);
    oldestQueued.set(figures.oldestQueued);
    oldestDue.set(figures.oldestDue);
    places.set(figures.places);
    busy.set(figures.busy.transcribe);
    downloads.set(figures.busy.fetch);
    runs.told = figures.runs;
    depth.set(queued);
    attempts.reset();
    for (const { outcome, attempts: count } of figures.attempts) attempts.inc({ outcome }, count);
  };

  // What was true a while ago must not look as if it were now.
  const forget = () => {
    for (const one of [jobs, deliveries, attempts, processes, endpoints]) one.reset();
    for (const one of [oldest, depth, oldestQueued, oldestDue, places, busy, downloads]) one.set(Number.NaN);
    runs.told = null;
    up.set(0);
  };

  const refresh = atMost(SHARE, async () => {
    try {
      const [figures, queued] = await Promise.all([readFigures(db), queueDepth()]);
      show(figures, queued);
      up.set(1);
    } catch (error) {
      log.warn({ err: error }, 'could not count for /metrics');
      forget();
    }
  });

  /** Over millions of rows counting takes longer than anybody waits: the counts before are then shown once more. */
  const refreshed = async () => {
    if (await within(refresh(), WAIT_MS)) return;
    try {
      await database.answers(WAIT_MS);
    } catch (error) {
      log.warn({ err: error }, 'could not count for /metrics');
      forget();
    }
  };

  const text = remembered(TEXT_FRESH_MS, async () => {
    await refreshed();
    waiting.set(listeners.waiting);
    streams.set(listeners.streams);
    return Buffer.from(await registry.metrics());
  });

  server.get('/metrics', { schema: getMetrics }, async (_request, reply) =>
    reply.type(registry.contentType).send(await text()),
  );
}

/** One at a time, for all who ask meanwhile and for so long afterwards. */
function remembered<T>(freshMs: number, work: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | undefined;
  let until = 0;
  return () => {
    if (last && performance.now() < until) return last;
    until = Number.POSITIVE_INFINITY;
    last = work().finally(() => {
      until = performance.now() + freshMs;
    });
    return last;
  };
}

/** One at a time, and after each so many times as long nothing, whoever asks. */
function atMost(share: number, work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let due = Number.NEGATIVE_INFINITY;
  return async () => {
    if (running) return running;
    const started = performance.now();
    if (started < due) return;
    running = work().finally(() => {
      const ended = performance.now();
      due = ended + Math.max(FRESH_MS, share * (ended - started));
      running = undefined;
    });
    return running;
  };
}
