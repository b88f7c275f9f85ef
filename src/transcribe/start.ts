// The transcribe role: downloads and transcriptions in places apart from one another, and the reconciler that puts back
// what a dead process had in its hands.
import { type Chore, startChore } from '../chore.ts';
import { SharedPool } from '../shared-pool.ts';
import { shortageOf } from '../shortage.ts';
import { addRuns } from '../store/figures.ts';
import { expireRuns, runsOf } from '../store/jobs.ts';
import { type NextJob, type Stage, startSeveral } from '../store/next-job.ts';
import { renderEnd } from './callback.ts';
import { diedEachTime, type HandlerDeps, handleJob } from './handler.ts';
import { HeldRuns, JOB_LEASE_MS } from './held-runs.ts';
import { endedElsewhere } from './job-line.ts';
import { RunTally } from './run-tally.ts';
import { StageWorker } from './stage.ts';

export type TranscribeDeps = Omit<HandlerDeps, 'runs' | 'tally'> & {
  /** Transcriptions at a time. */
  workers: number;
  /** Transcriptions of one account at a time, in all processes; null: any number. */
  perAccount: number | null;
  /** Accounts whose decoded audio takes all the room here that one account may take. */
  withoutRoom: () => string[];
  /** Rejects while there is too little free space for new work. */
  room: () => Promise<void>;
};

/** Downloads at a time: they cost a socket and a file each, and wait for others most of their time. */
const DOWNLOADS = 64;
const COUNT_MS = 2_000;
/** Downloaded jobs of one account that wait for a place, in all processes: more would fill the disk for nothing. */
const MOST_DOWNLOADED = 32;

/** Resolves once it looks for jobs; the returned function stops that and hands running jobs back. */
export async function startTranscribe(deps: TranscribeDeps): Promise<() => Promise<void>> {
  const { db, log, workers, perAccount, withoutRoom } = deps;
  const runs = new HeldRuns(db, log);
  const tally = new RunTally();
  const places = { fetch: new SharedPool(DOWNLOADS), transcribe: new SharedPool(workers) };
  const stage = (
    name: Stage,
    options: () => Omit<NextJob, 'leaseMs'> & { roomFor?: (account: string) => number },
  ) =>
    new StageWorker({
      name,
      places: places[name],
      next: async (free) => {
        await deps.room();
        return startSeveral(db, name, { leaseMs: JOB_LEASE_MS, places: free, ...options() });
      },
      run: (job, stopping) => handleJob({ ...deps, runs, tally }, job, stopping).then(() => wake()),
      log,
    });
  const stages = [
    stage('fetch', () => ({
      most: MOST_DOWNLOADED,
      full: [...places.fetch.full()],
      roomFor: (account) => places.fetch.roomFor(account),
    })),
    stage('transcribe', () => ({ most: perAccount, full: withoutRoom() })),
  ];
  const wake = () => {
    for (const one of stages) one.wake();
  };
  const deaf = db.teller.hear((news) => {
    if (news.kind === 'job') runs.heard(news);
    if (news.kind === 'missed' || (news.kind === 'job' && news.status === 'queued')) wake();
  });
  let lastAway = Number.NEGATIVE_INFINITY;
  const reconcile: Chore = startChore('reconcile jobs', JOB_LEASE_MS / 4, log, async () => {
    try {
      if (performance.now() - lastAway > SETTLED_MS) await reconcileJobs(deps);
    } catch (error) {
      if (shortageOf(error) === 'database') lastAway = performance.now();
      throw error;
    }
  });
  const writeCounts = () => addRuns(db, tally.take());
  const count = startChore('count runs', COUNT_MS, log, writeCounts);
  return async () => {
    deaf();
    await Promise.all([reconcile.stop(), ...stages.map((one) => one.stop())]);
    await runs.stop();
    await count.stop();
    await writeCounts();
  };
}

/** After the database was away, living runs get so long to renew the leases that ran out meanwhile. */
const SETTLED_MS = JOB_LEASE_MS / 2;

async function reconcileJobs({ db, callback, log }: TranscribeDeps): Promise<void> {
  const ended: Record<string, unknown>[] = [];
  const { requeued, failed } = await expireRuns(db, (job) => {
    const error = diedEachTime(runsOf(job));
    ended.push(endedElsewhere(job, error.code));
    return { error, ...renderEnd(callback, job, { error }) };
  });
  for (const line of ended) log.info(line, 'job ended');
  if (requeued + failed > 0) log.warn({ requeued, failed }, 'jobs were put right');
}
