// Deliveries committed one by one or at a rate, and how long each took from its commit to the receiver: both processes
// are on one machine and clock.
import { randomUUID } from 'node:crypto';
import { openDelivery } from '../../src/store/deliveries.ts';
import { BODY, type Ground, percentile } from './ground.ts';
import type { Sink } from './sink.ts';

const BYTES = Buffer.from(BODY);

/** By the number in a delivery's `x` query: milliseconds of the wall clock at which it was committed. */
export type Commits = ReadonlyMap<number, number>;

/** Milliseconds of the wall clock. */
export async function commit({ database, account }: Ground, url: string): Promise<number> {
  await database.db.commit((trx) =>
    openDelivery(trx, {
      accountId: account,
      jobId: randomUUID(),
      url,
      method: 'POST',
      event: 'success',
      form: 'full',
      fullBody: BYTES,
      referenceBody: BYTES,
      waitMs: 0,
    }),
  );
  return performance.timeOrigin + performance.now();
}

type Paced = {
  /** A second. */
  rate: number;
  total: number;
  /** Number of the first. */
  from?: number;
  url: (number: number) => string;
};

export async function commitAtRate(ground: Ground, { rate, total, from = 0, url }: Paced): Promise<Commits> {
  const commits = new Map<number, number>();
  const started = performance.now();
  const open: Promise<void>[] = [];
  for (let n = 0; n < total; n++) {
    const early = started + (n / rate) * 1_000 - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    open.push(
      commit(ground, url(from + n)).then((at) => {
        commits.set(from + n, at);
      }),
    );
  }
  await Promise.all(open);
  return commits;
}

/** Milliseconds from the commit to the receiver, of those numbered `from` and up, below `to`. */
export async function waits(
  commits: Commits,
  sink: Sink,
  from = 0,
  to = Number.POSITIVE_INFINITY,
): Promise<number[]> {
  const arrivals = await sink.arrivals();
  return [...commits]
    .filter(([number]) => number >= from && number < to)
    .map(([number, at]) => Math.max(0, (arrivals.get(number) ?? Number.NaN) - at));
}

export function summary(all: readonly number[]): { n: number; p50: number; p99: number } {
  const sorted = all.toSorted((a, b) => a - b);
  const rounded = (share: number) => Number(percentile(sorted, share).toFixed(1));
  return { n: sorted.length, p50: rounded(0.5), p99: rounded(0.99) };
}
