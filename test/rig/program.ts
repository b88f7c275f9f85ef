// A program of its own, as a user starts it, heard through its output: the lines it prints are the signals tests wait
// for. `examples/receivers` are run this way.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export type Program = {
  /** Lines of stdout so far. */
  lines: string[];
  /** The nth line, past or future, that matches; rejects with what was said when none comes. */
  line(pattern: RegExp | string, nth?: number, withinMs?: number): Promise<string>;
  /** Lines so far that match. */
  count(pattern: RegExp | string): number;
  signal(signal: NodeJS.Signals): void;
  /** Kills it when it still runs. */
  stop(): Promise<void>;
};

export type ProgramOptions = {
  command: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Which stream is line by line; the other is kept for messages. */
  read?: 'stdout' | 'stderr';
  /** How it is told to stop. */
  stopSignal?: NodeJS.Signals;
};

export function startProgram(options: ProgramOptions): Program {
  const { command, args, env = {}, read = 'stdout', stopSignal = 'SIGKILL' } = options;
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  let otherOutput = '';
  let ended: string | null = null;
  let listeners: (() => void)[] = [];
  const changed = () => {
    for (const listener of listeners) listener();
  };
  createInterface({ input: child[read] }).on('line', (line) => {
    lines.push(line);
    changed();
  });
  child[read === 'stdout' ? 'stderr' : 'stdout'].on('data', (chunk) => {
    otherOutput += chunk;
  });
  const exited = new Promise<void>((resolve) => {
    const end = (how: string) => {
      ended = how;
      changed();
      resolve();
    };
    child.once('error', (error) => end(error.message));
    child.once('close', (code, signal) => end(`ended with ${code ?? signal}`));
  });
  const matching = (pattern: RegExp | string) => (line: string) =>
    typeof pattern === 'string' ? line.includes(pattern) : pattern.test(line);
  return {
    lines,
    line(pattern, nth = 1, withinMs = 20_000) {
      return new Promise((resolve, reject) => {
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          listeners = listeners.filter((listener) => listener !== look);
          settle();
        };
        const fail = (why: string) =>
          finish(() =>
            reject(
              new Error(
                `${command}: no line ${pattern}: ${why}\n${lines.slice(-30).join('\n')}\n${otherOutput}`,
              ),
            ),
          );
        const look = () => {
          const found = lines.filter(matching(pattern))[nth - 1];
          if (found !== undefined) finish(() => resolve(found));
          else if (ended !== null) fail(ended);
        };
        const timer = setTimeout(() => fail(`nothing for ${withinMs} ms`), withinMs);
        listeners.push(look);
        look();
      });
    },
    count: (pattern) => lines.filter(matching(pattern)).length,
    signal: (signal) => child.kill(signal),
    async stop() {
      if (ended === null) child.kill(stopSignal);
      await exited;
    },
  };
}
