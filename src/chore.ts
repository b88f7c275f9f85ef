// Work that comes round: run at once, then again so long after each end. Never twice at a time; a failure is logged
// and tried again next time round.
import type { Logger } from 'pino';

export type Chore = { stop(): Promise<void> };

export function startChore(name: string, everyMs: number, log: Logger, work: () => Promise<void>): Chore {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void>;

  const round = async () => {
    try {
      await work();
    } catch (error) {
      log.warn({ err: error, chore: name }, 'a chore failed; it is tried again');
    }
    if (!stopped)
      timer = setTimeout(() => {
        running = round();
      }, everyMs);
  };
  running = round();

  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
