// Whether a host is called at all. An answer of any kind, at any of its endpoints, says that it is there; what the answer
// was is its endpoint's affair (breaker.ts). Pure.
//
//   closed ──8 attempts in a row without an answer──▶ open ──its time is over──▶ half-open ──an answer──▶ closed
//                                                      ▲                             └──none──▶ open, twice as long
import type { HostHealth } from '../delivery.ts';
import { LONGEST_OPEN_MS, OPEN_MS } from './breaker.ts';

export const SILENT_IN_A_ROW = 8;

/** What an attempt tells about its host. `neither`: our own fault, or nothing was sent. */
export type HostOutcome = 'answered' | 'silent' | 'neither';

export function nextHostHealth(health: HostHealth, outcome: HostOutcome, now: Date): HostHealth {
  switch (outcome) {
    case 'neither':
      return health;
    case 'answered':
      if (health.state === 'closed' && health.silent === 0) return health;
      return { state: 'closed', silent: 0, trips: 0, openUntil: null };
    case 'silent': {
      const next = { ...health, silent: health.silent + 1 };
      // Several attempts were in flight when it opened: that they fail too does not open it again.
      if (health.state === 'open' && health.openUntil !== null && health.openUntil > now) return next;
      if (health.state === 'closed' && next.silent < SILENT_IN_A_ROW) return next;
      const trips = health.trips + 1;
      const openMs = Math.min(OPEN_MS * 2 ** Math.min(trips - 1, 20), LONGEST_OPEN_MS);
      return { ...next, state: 'open', trips, openUntil: new Date(now.getTime() + openMs) };
    }
    default:
      return outcome satisfies never;
  }
}
