// Nothing a stranger, a neighbour or our own shortage does stops the server, holds up another account, or blames the innocent:
// all three against real servers, with bounds that make it a proof.
import { readOptions, tell } from '../options.ts';
import { openGround } from './ground.ts';
import { type NeighbourFigures, type NeighbourOptions, neighbour } from './neighbour.ts';
import { type ShortageFigures, type ShortageOptions, shortage } from './shortage.ts';
import { type StrangerFigures, type StrangerOptions, stranger } from './stranger.ts';

export type HostileOptions = StrangerOptions &
  NeighbourOptions &
  Omit<ShortageOptions, 'jobs'> & {
    /** Jobs while something is short. */
    short: number;
    /** Descriptors the server has while they are short. */
    descriptors: number;
    tell: (line: string) => void;
  };

export type HostileFigures = {
  stranger: StrangerFigures;
  neighbour: NeighbourFigures;
  shortage: ShortageFigures;
  violations: string[];
  violationCount: number;
};

/** Megabytes and milliseconds; how much longer another account may wait than alone, in all and as a multiple. */
const BOUNDS = { growthMb: 100, healthzMs: 200, times: 3, moreMs: 3_000 } as const;

export async function hostile(options: HostileOptions): Promise<HostileFigures> {
  const violations: string[] = [];
  const expect = (holds: boolean, what: string) => {
    if (!holds) violations.push(what);
  };

  const ground = await openGround();
  let strange: StrangerFigures;
  let beside: NeighbourFigures;
  try {
    strange = await stranger(ground, options);
    options.tell(JSON.stringify(strange));
    beside = await neighbour(ground, options);
    options.tell(JSON.stringify(beside));
    expect(ground.ended() === null, `the server ended: ${ground.ended()}`);
  } finally {
    await ground.stop();
  }
  expect(strange.memory_growth_mb < BOUNDS.growthMb, `memory grew by ${strange.memory_growth_mb} MB`);
  const slowest = strange.healthz_alone_ms + BOUNDS.healthzMs;
  expect(
    strange.worst_healthz_ms < slowest,
    `/healthz took ${strange.worst_healthz_ms} ms, alone ${strange.healthz_alone_ms}`,
  );
  expect(strange.server_errors === 0, `${strange.server_errors} answers of 500 to what is no request`);
  for (const what of ['transcription', 'callback', 'upload'] as const) {
    const [alone, with_] = [beside[`${what}_alone_ms`], beside[`${what}_beside_ms`]];
    const most = BOUNDS.times * alone + BOUNDS.moreMs;
    expect(with_ <= most, `the other account's ${what} took ${with_} ms, alone ${alone}`);
  }

  const scarce = await openGround({ descriptors: options.descriptors });
  let short: ShortageFigures;
  try {
    short = await shortage(scarce, { ...options, jobs: options.short });
    options.tell(JSON.stringify(short));
    expect(scarce.ended() === null, `the server ended: ${scarce.ended()}`);
  } finally {
    await scarce.stop();
  }
  expect(short.jobs_blamed.length === 0, `jobs were blamed: ${short.jobs_blamed.join(', ')}`);
  expect(short.receivers_blamed.length === 0, `receivers were blamed: ${short.receivers_blamed.join(', ')}`);
  return {
    stranger: strange,
    neighbour: beside,
    shortage: short,
    violations,
    violationCount: violations.length,
  };
}

/** `--connections N --requests N --drips N --jobs N --callbacks N --uploads N --short N --kills N --sockets N --descriptors N` */
export function run(argv: string[]): Promise<HostileFigures> {
  return hostile({
    ...readOptions(argv, {
      connections: 10,
      requests: 5_000,
      drips: 20,
      jobs: 300,
      callbacks: 2_000,
      uploads: 20,
      short: 20,
      kills: 5,
      sockets: 2_000,
      descriptors: 400,
    }),
    tell,
  });
}
