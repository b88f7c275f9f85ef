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

export class Connections {
  readonly #most: number;
  readonly #open = new Set<Socket>();
  /** Without a request under way; who has been so for longest comes first. */
  readonly #idle = new Set<Socket>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Beyond the limit the one that has been idle for longest makes room; where all are busy, the new one is refused. */
  admit(socket: Socket): void {
    if (this.#open.size >= this.#most && !this.#closeIdle()) {
      socket.end(REFUSAL);
      // The system may still hold what the client wrote: reading it is not worth a descriptor.
      socket.destroySoon();
      return;
    }
    this.#open.add(socket);
    this.#idle.add(socket);
    socket.once('close', () => this.#forget(socket));
  }

  /** A request has begun. */
  busy(socket: Socket): void {
    this.#idle.delete(socket);
  }

  /** Its answer is written. */
  idle(socket: Socket): void {
    if (this.#open.has(socket)) this.#idle.add(socket);
  }

  #closeIdle(): boolean {
    const [longest] = this.#idle;
    if (longest === undefined) return false;
    this.#forget(longest);
    longest.destroy();
    return true;
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket);
    this.#idle.delete(socket);
  }
}
