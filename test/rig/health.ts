import type { EndpointHealth, HostHealth } from '../../src/delivery.ts';

/** An endpoint of which nothing bad is known. */
export const healthy: EndpointHealth = {
  state: 'closed',
  failures: 0,
  refusals: 0,
  failingSince: null,
  failedAt: null,
  gone: 0,
  trips: 0,
  openUntil: null,
  pausedUntil: null,
  rampFrom: null,
  countsFrom: null,
  disabledReason: null,
};

/** A host of which nothing bad is known. */
export const answering: HostHealth = { state: 'closed', silent: 0, trips: 0, openUntil: null };
