// A TCP proxy on a fixed port of loopback, for faults between a program and its database: it forwards, delays, resets,
// refuses, or goes silent while every connection stays open (half-open, as after a cable is pulled).
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';

/**
 * - `forward`: as if it were not there, `delayMs` later.
 * - `refuse`: new connections are reset as soon as they are accepted.
 * - `silent`: nothing is passed on, in either direction, on old connections and new ones; nobody is told.
 */
export type ProxyMode = 'forward' | 'refuse' | 'silent';

export type TcpProxy = {
  port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Connections open at this moment. */
  readonly open: number;
  /** Applies to every byte from now on. A connection that lived through `silent` stays silent for ever. */
  setMode(mode: ProxyMode): void;
  /** Each way. */
  setDelay(milliseconds: number): void;
  /** Where new connections go: a restarted database has another port. */
  setTarget(port: number): void;
  /** The next connection that sends this statement is cut once the answer is there, before a byte of it is passed on. */
  cutBeforeAnswer(statement: string): Promise<void>;
  /** Ends every connection: `fin` as a server that leaves, `rst` as one that crashed. Returns how many. */
  cut(how: 'fin' | 'rst'): number;
  close(): Promise<void>;
};

type Pair = { near: Socket; far: Socket | null; dead: boolean; doomed?: () => void };

export async function startProxy(targetPort: number): Promise<TcpProxy> {
  let target = targetPort;
  let mode: ProxyMode = 'forward';
  let delayMs = 0;
  let accepted = 0;
  let doom: { statement: string; done: () => void } | null = null;
  const pairs = new Set<Pair>();

  const end = (pair: Pair, how: 'fin' | 'rst') => {
    pairs.delete(pair);
    for (const socket of [pair.near, pair.far]) {
      if (how === 'rst') socket?.resetAndDestroy();
      else socket?.destroy();
    }
  };
  const pipe = (pair: Pair, from: Socket, to: Socket) => {
    const later = (action: () => void) => {
      // Timers of the same length fire in the order they were set, so no byte overtakes another.
      if (delayMs > 0) setTimeout(action, delayMs);
      else action();
    };
    from.on('data', (chunk: Buffer) => {
      if (from === pair.near && doom && chunk.includes(doom.statement)) {
        pair.doomed = doom.done;
        doom = null;
      }
      if (from === pair.far && pair.doomed) {
        pair.doomed();
        return end(pair, 'rst');
      }
      if (!pair.dead) later(() => to.writable && to.write(chunk));
    });
    from.on('close', () => {
      if (!pair.dead) later(() => end(pair, 'fin'));
    });
  };
  const server = createServer((near) => {
    accepted++;
    near.on('error', () => {});
    if (mode === 'refuse') return near.resetAndDestroy();
    const pair: Pair = { near, far: null, dead: mode === 'silent' };
    pairs.add(pair);
    near.on('close', () => {
      // The far side of a dead line never hears of it.
      if (pair.far === null) pairs.delete(pair);
    });
    if (pair.dead) return near.resume();
    const far = dial({ host: '127.0.0.1', port: target });
    pair.far = far;
    far.on('error', () => {});
    pipe(pair, near, far);
    pipe(pair, far, near);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted;
    },
    get open() {
      return [...pairs].filter(({ near }) => !near.destroyed).length;
    },
    setMode(next) {
      mode = next;
      if (next === 'silent') for (const pair of pairs) pair.dead = true;
    },
    setDelay(milliseconds) {
      delayMs = milliseconds;
    },
    setTarget(port) {
      target = port;
    },
    cutBeforeAnswer(statement) {
      return new Promise((done) => {
        doom = { statement, done };
      });
    },
    cut(how) {
      const open = [...pairs];
      for (const pair of open) end(pair, how);
      return open.length;
    },
    close() {
      for (const pair of [...pairs]) end(pair, 'rst');
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
