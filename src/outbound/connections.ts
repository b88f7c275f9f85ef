// Connections, one exchange at a time on each, and the idle ones, for reuse within a second.
//
// Idle for at most 1 s: kept for 4 s, 5 of 40 POSTs on reused sockets met ECONNRESET, because the far end was just
// closing; and a POST is never sent again silently. What is left of it is an attempt on record of the class
// stale_connection, tried again by the schedule and not held against the endpoint.
import type { Socket } from 'node:net';

const MAX_IDLE = 256;
/** Milliseconds; bounds how long a peer vetted once stays in use after its name has moved. */
const MAX_AGE_MS = 30_000;

/** Who is told what happens on a connection while it is in use. */
export type Listener = {
  onBytes(bytes: Buffer): void;
  /** The far end has closed its side in good order. */
  onEnd(): void;
  /** Null: it closed without a word. */
  onGone(error: Error | null): void;
};

export class Connection {
  readonly socket: Socket;
  readonly address: string;
  readonly openedAt: number;
  /** Null while it is idle. */
  listener: Listener | null = null;
  /** Told once, when the socket has closed. */
  onClose: (() => void) | null = null;
  #rest: NodeJS.Timeout | undefined;

  /** `socket` connected, vetted, and through its TLS handshake. */
  constructor(socket: Socket, openedAt: number) {
    this.socket = socket;
    this.address = socket.remoteAddress ?? '';
    this.openedAt = openedAt;
    // What comes on an idle connection answers nothing: read later, it would be taken for the answer to the next request.
    socket.on('data', (bytes: Buffer) => (this.listener ? this.listener.onBytes(bytes) : this.destroy()));
    socket.on('end', () => (this.listener ? this.listener.onEnd() : this.destroy()));
    socket.on('error', (error) => this.listener?.onGone(error));
    socket.once('close', () => {
      clearTimeout(this.#rest);
      this.listener?.onGone(null);
      this.onClose?.();
    });
  }

  get usable(): boolean {
    return !this.socket.destroyed && this.socket.writable && this.socket.readable;
  }

  /** Closes by itself unless it is taken up within so many milliseconds. */
  rest(milliseconds: number): void {
    this.#rest = setTimeout(() => this.destroy(), milliseconds);
  }

  wake(): void {
    clearTimeout(this.#rest);
    this.onClose = null;
  }

  destroy(): void {
    this.socket.destroy();
  }
}

export class Connections {
  readonly #idle = new Map<string, Connection[]>();
  #count = 0;

  /** The connection used last for `key`: the likeliest to be alive. */
  take(key: string, now: number): Connection | null {
    const list = this.#idle.get(key);
    let connection = list?.pop();
    while (connection) {
      this.#count -= 1;
      connection.wake();
      if (connection.usable && now - connection.openedAt < MAX_AGE_MS) break;
      connection.destroy();
      connection = list?.pop();
    }
    if (list?.length === 0) this.#idle.delete(key);
    return connection ?? null;
  }

  /** Takes back a connection whose answer was read to its end, for so many milliseconds. */
  give(key: string, connection: Connection, milliseconds: number): void {
    if (!connection.usable) {
      connection.destroy();
      return;
    }
    let list = this.#idle.get(key);
    if (!list) {
      list = [];
      this.#idle.set(key, list);
    }
    list.push(connection);
    this.#count += 1;
    connection.onClose = () => this.#drop(key, connection);
    connection.rest(milliseconds);
    if (this.#count > MAX_IDLE) {
      const [oldestKey, [oldest]] = this.#idle.entries().next().value ?? ['', []];
      if (oldest) {
        this.#drop(oldestKey, oldest);
        oldest.destroy();
      }
    }
  }

  get count(): number {
    return this.#count;
  }

  clear(): void {
    for (const list of [...this.#idle.values()]) for (const connection of [...list]) connection.destroy();
    this.#idle.clear();
    this.#count = 0;
  }

  #drop(key: string, connection: Connection): void {
    const list = this.#idle.get(key);
    const index = list?.indexOf(connection) ?? -1;
    if (!list || index < 0) return;
    list.splice(index, 1);
    this.#count -= 1;
    if (list.length === 0) this.#idle.delete(key);
  }
}
