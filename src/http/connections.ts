// How many callers may be connected at a time. A connection holds a file descriptor, and without one left this process
// can open neither an audio file nor its database: so strangers have a share of them (src/descriptors.ts), and those
// who are served go on whatever comes beyond it.
import type { Socket } from 'node:net';

const REFUSAL = [
  'HTTP/1.1 503 Service Unavailable',
  'content-type: text/plain',
  'retry-after: 5',
  'connection: close',
  'content-length: 29',
  '',
  'Too many connections are open',
].join('\r\n');

/** From when on a connection has been busy without a pause, and how much it had been sent by then. */
type Service = { since: number; bytes: number; endedAt: number | null };

/** A request that begins so soon after the last answer was written before or with it. */
const PAUSE_MS = 100;
/** Nobody is looked for again so soon after there was nobody to close. */
const LOOK_MS = 100;

export class Connections {
  readonly #most: number;
  readonly #servedMs: number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  readonly #open = new Map<Socket, Service>();
  /** Without a request under way; who has been so for longest comes first. */
  readonly #idle = new Set<Socket>();

  constructor(most: number, servedMs: number) {
    this.#most = most;
    this.#servedMs = servedMs;
  }

  /**
   * Beyond the limit the one that has been idle for longest makes room. Where all are busy, it is the one that takes its
   * answers most slowly, of those that have been at it for a while: otherwise whoever asks for much and reads little
   * would keep a place for as long as he likes. Where there is none, the new one is refused.
   */
  admit(socket: Socket): void {
    if (this.#open.size >= this.#most && !this.#closeIdle() && !this.#closeSlowest()) {
      socket.end(REFUSAL);
      // The system may still hold what the client wrote: reading it is not worth a descriptor.
      socket.destroySoon();
      return;
    }
    this.#open.set(socket, { since: 0, bytes: 0, endedAt: 0 });
    this.#idle.add(socket);
    socket.once('close', () => this.#forget(socket));
  }

  /** A request has begun. */
  busy(socket: Socket): void {
    this.#idle.delete(socket);
    const service = this.#open.get(socket);
    if (!service) return;
    const now = performance.now();
    if (service.endedAt !== null && now - service.endedAt > PAUSE_MS) {
      service.since = now;
      service.bytes = socket.bytesWritten;
    }
    service.endedAt = null;
  }

  /** Its answer is written. */
  idle(socket: Socket): void {
    const service = this.#open.get(socket);
    if (!service) return;
    service.endedAt = performance.now();
    this.#idle.add(socket);
  }

  #closeIdle(): boolean {
    const [longest] = this.#idle;
    if (longest === undefined) return false;
    this.#close(longest);
    return true;
  }

  #closeSlowest(): boolean {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_MS) return false;
    let slowest: { socket: Socket; rate: number } | undefined;
    for (const [socket, { since, bytes }] of this.#open) {
      // With nothing to take it is waiting for us.
      if (socket.writableLength === 0 || now - since < this.#servedMs) continue;
      const rate = (socket.bytesWritten - socket.writableLength - bytes) / (now - since);
      if (!slowest || rate < slowest.rate) slowest = { socket, rate };
    }
    if (!slowest) this.#lookedAt = now;
    else this.#close(slowest.socket);
    return slowest !== undefined;
  }

  #close(socket: Socket): void {
    this.#forget(socket);
    socket.destroy();
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket);
    this.#idle.delete(socket);
  }
}
