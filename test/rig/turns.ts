// What the turns of this thread's event loop take, from now until asked. In processor time too: what other programs take
// of the machine does not count there. Milliseconds.
import { setImmediate } from 'node:timers/promises';

export type Turns = {
  took: number;
  processor: number;
  turns: number;
  longest: number;
  longestProcessor: number;
};

export function watchTurns(): () => Promise<Turns> {
  const look = () => {
    const { user, system } = process.threadCpuUsage();
    return { at: performance.now(), processor: (user + system) / 1_000 };
  };
  const began = look();
  const seen = { turns: 0, longest: 0, longestProcessor: 0 };
  let before = began;
  const count = () => {
    const now = look();
    seen.turns++;
    seen.longest = Math.max(seen.longest, now.at - before.at);
    seen.longestProcessor = Math.max(seen.longestProcessor, now.processor - before.processor);
    before = now;
  };
  let done = false;
  const watching = (async () => {
    while (!done) {
      await setImmediate();
      count();
    }
  })();
  return async () => {
    done = true;
    await watching;
    return { ...seen, took: before.at - began.at, processor: before.processor - began.processor };
  };
}
