// What the proofs under load share: several servers on one PostgreSQL, a far end and a submitter that are disturbed for a
// while; then nobody is disturbed any more, the receivers are well, and the books must balance.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { generateSecret } from '../../src/signature.ts';
import { eventually } from '../rig/eventually.ts';
import { type Books, compareBooks } from './books.ts';
import { type FarEnd, type FarEndOptions, startFarEnd } from './far-end.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { type Random, randomFrom } from './random.ts';
import { createSubmitter, type Submitter } from './submitter.ts';
import { endWaits, settled } from './waits.ts';

export type BalancedOptions = {
  processes: number;
  seed: number;
  /** Seconds until all rows must be final. */
  settleSeconds: number;
  /** On a busy machine most of the time goes into waiting: what was stranded has its waits cut short at the end. */
  hurry: boolean;
  tell: (line: string) => void;
};

type Postgres = {
  connectionString: string;
  /** Where the servers reach it, when that is not the same. */
  serversUrl?: string;
  stop: () => Promise<unknown>;
};

export type Ground<P extends Postgres> = {
  name: string;
  startPostgres: (folder: string) => Promise<P>;
  farEnd: Omit<FarEndOptions, 'random' | 'secret' | 'clip'>;
  settings: Record<string, string>;
  /** See compareBooks. */
  databaseCrashed?: boolean;
};

export type Scene<P extends Postgres> = {
  random: Random;
  postgres: P;
  far: FarEnd;
  fleet: Fleet;
  submitter: Submitter;
};

export type BalancedFigures = Omit<Books, 'violations'> & {
  accepted: number;
  submitRetries: number;
  kills: number;
  lives: number;
  settledSeconds: number;
  mostAtOnceAtAnEndpoint: number;
  moods: Record<string, number>;
  logWarnings: Record<string, number>;
  logErrors: Record<string, number>;
  violations: string[];
  violationCount: number;
};

const CLIP = new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url);

/** `disturb` begins when all are up and returns, with figures of its own, when all is submitted. */
export async function balanced<O extends BalancedOptions, P extends Postgres, Seen extends object>(
  options: O,
  ground: Ground<P>,
  disturb: (scene: Scene<P>) => Promise<Seen>,
): Promise<Omit<O, 'tell'> & Seen & BalancedFigures> {
  const { tell, ...given } = options;
  const { processes, settleSeconds } = options;
  const random = randomFrom(options.seed);
  const folder = await mkdtemp(join(tmpdir(), `ringback-${ground.name}-`));
  const postgres = await ground.startPostgres(folder);
  const secret = generateSecret();
  const clip = await readFile(CLIP);
  const far = await startFarEnd({ random: random.split(), secret, clip, ...ground.farEnd });
  const fleet = startFleet({
    size: processes,
    databaseUrl: postgres.serversUrl ?? postgres.connectionString,
    folder,
    settings: {
      RINGBACK_SIGNING_SECRET: secret,
      RINGBACK_MODEL: 'moonshine-tiny',
      RINGBACK_CALLBACK_TIMEOUT: '2s',
      ...ground.settings,
    },
  });
  const client = new Client({ connectionString: postgres.connectionString });
  try {
    await eventually(
      () => Array.from({ length: processes }, (_, slot) => fleet.isUp(slot)),
      (up) => up.every(Boolean),
      120_000,
    );
    const submitter = createSubmitter(() => fleet.urls());
    const seen = await disturb({ random, postgres, far, fleet, submitter });

    far.settle();
    await client.connect();
    if (options.hurry) await endWaits(client);
    const settledSeconds = await settled(client, settleSeconds, tell);
    await fleet.stop();
    const { databaseCrashed = false } = ground;
    const { violations, ...books } = await compareBooks(client, submitter.accepted, far.arrivals, {
      databaseCrashed,
    });
    const all = [...violations, ...fleet.deaths, ...submitter.refusals.map((text) => `refused: ${text}`)];
    if (settledSeconds === null) all.unshift(`not settled after ${settleSeconds} s`);
    return {
      ...given,
      ...seen,
      accepted: submitter.accepted.size,
      submitRetries: submitter.retries,
      kills: fleet.kills,
      lives: fleet.lives,
      settledSeconds: Math.round(settledSeconds ?? -1),
      ...books,
      mostAtOnceAtAnEndpoint: far.mostAtOnce,
      moods: countBy(far.arrivals, (arrival) => arrival.mood),
      logWarnings: Object.fromEntries(fleet.warnings),
      logErrors: Object.fromEntries(fleet.errors),
      violations: all.slice(0, 20),
      violationCount: all.length,
    };
  } finally {
    await fleet.stop();
    await client.end();
    await far.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}
