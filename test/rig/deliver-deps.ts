// What the deliver role needs besides its database, its way out and its secrets: nothing of it is short, and nothing is
// said.
import { pino } from 'pino';
import type { DeliverDeps } from '../../src/deliver/start.ts';
import { NO_TRACING } from '../../src/trace.ts';

export const ANY_DELIVER = {
  endpointConcurrency: 4,
  graceMs: 4_000,
  version: '9.9.9',
  now: () => new Date(),
  random: Math.random,
  log: pino({ level: 'silent' }),
  tracing: NO_TRACING,
  shortages: { found: () => {} },
} satisfies Partial<DeliverDeps>;
