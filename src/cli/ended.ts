// A command that runs until it is told to end, and one that is told so before its work is done.
import { constants } from 'node:os';

type EndingSignal = 'SIGINT' | 'SIGTERM';

class Interrupted extends Error {
  readonly signal: EndingSignal;

  constructor(signal: EndingSignal) {
    super('interrupted');
    this.signal = signal;
  }
}

/** Thrown out of a command that a signal ended before its work was done. */
export const interrupted = (signal: EndingSignal): Error => new Interrupted(signal);

/** Exit code as shells have it, 130 for Ctrl-C; null: it failed by itself. */
export function interruptionCode(error: unknown): number | null {
  return error instanceof Interrupted ? 128 + constants.signals[error.signal] : null;
}

/** A signal this long after the first means: now. Not sooner: npm passes on a signal that its whole group has had already. */
const SECOND_SIGNAL_MS = 1_000;

/** Aborted by Ctrl-C or SIGTERM; a second one ends the process at once. */
export function untilSignal(): AbortSignal {
  const ending = new AbortController();
  let first = Number.POSITIVE_INFINITY;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (performance.now() - first > SECOND_SIGNAL_MS) process.exit(1);
      first = Math.min(first, performance.now());
      ending.abort();
    });
  return ending.signal;
}
