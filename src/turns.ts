// Long work on the main thread in turns: HTTP, deliveries and leases go on between them.
import { setImmediate } from 'node:timers/promises';

/** Others have a turn after this long: a thousand vocabulary entries against ten thousand words take half a second. */
const TURN_MS = 8;

/** To be awaited between small steps of the work; returns at once while the turn lasts. */
export function breather(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < TURN_MS) return;
    await setImmediate();
    since = performance.now();
  };
}

/** Work that pauses between its small steps, with a turn for others whenever its own is over. */
export async function inTurns<T>(work: Iterator<undefined, T>): Promise<T> {
  const breath = breather();
  for (let step = work.next(); ; step = work.next()) {
    if (step.done) return step.value;
    await breath();
  }
}

/** What is copied at a time: less than a millisecond, fresh memory included. */
const COPIED = 262_144;

/** `Buffer.concat` in turns: 20 MB of fresh memory take it up to 90 ms. */
export async function concatenated(parts: readonly Buffer[]): Promise<Buffer> {
  const breath = breather();
  const whole = Buffer.allocUnsafe(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts)
    for (let from = 0; from < part.length; from += COPIED) {
      at += part.copy(whole, at, from, from + COPIED);
      await breath();
    }
  return whole;
}
