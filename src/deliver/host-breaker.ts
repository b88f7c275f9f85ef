// Whether a host is called at all. An answer of any kind, at any of its endpoints, says that it is there; what the answer
// was is its endpoint's affair (breaker.ts). Pure.
//
//   closed ──8 attempts in a row without an answer──▶ open ──its time is over──▶ half-open ──an answer──▶ closed
//                                                      ▲                             └──none──▶ open, twice as long
import type { HostHealth } from '../delivery.ts';
import { isResting, tripped } from './breaker.ts';

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
      if (isResting(health, now)) return next;
      if (health.state === 'closed' && next.silent < SILENT_IN_A_ROW) return next;
      return { ...next, ...tripped(health, now) };
    }
    default:
      return outcome satisfies never;
  }
}
