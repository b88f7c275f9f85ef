// Idle connections, for reuse within a second. One undici Client is one socket is one exchange at a time, so that nothing
// ever queues inside undici, where a queued request ignores its AbortSignal (undici#386), and so that a deadline knows
// which socket to destroy.
//
// Idle for at most 1 s: with undici's default of 4 s, 5 of 40 POSTs on reused sockets met ECONNRESET, because the far
// end was just closing; and a POST is never sent again silently. What is left of it is an attempt on record of the class
// stale_connection, tried again by the schedule and not held against the endpoint.
import type { Socket } from 'node:net';
import { Client } from 'undici';

const IDLE_MS = 1_000;
const MAX_IDLE = 256;
/** Milliseconds; bounds how long a peer vetted once stays in use after its name has moved. */
const MAX_AGE_MS = 30_000;
const MAX_HEADER_BYTES = 16_384;

export class Connection {
  readonly client: Client;
  readonly socket: Socket;
  readonly address: string;
  readonly openedAt: number;
  /** Told once, when the socket has closed. */
  onClose: (() => void) | null = null;
  #used = false;

  /** `origin` without path; `socket` connected, vetted, and through its TLS handshake. */
  constructor(origin: string, socket: Socket, openedAt: number) {
    this.socket = socket;
    this.address = socket.remoteAddress ?? '';
    this.openedAt = openedAt;
    this.client = new Client(origin, {
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      // The deadline of the exchange rules: these are per gap, and 1xx answers reset them.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, callback) => {
        const first = !this.#used;
        this.#used = true;
        // undici would miss the callback if it came synchronously. It must never dial by itself.
        queueMicrotask(() =>
          first
            ? callback(null, socket)
            : callback(Object.assign(new Error('the connection is gone'), { code: 'ECONNRESET' }), null),
        );
      },
    });
    // Without a listener a broken idle connection would be an uncaught error.
    this.client.on('connectionError', () => {});
    this.client.on('disconnect', () => this.destroy());
    socket.once('close', () => {
      this.destroy();
      this.onClose?.();
    });
  }

  get usable(): boolean {
    return !this.socket.destroyed && this.socket.writable && this.socket.readable && !this.client.destroyed;
  }

  destroy(): void {
    this.socket.destroy();
    if (!this.client.destroyed) this.client.destroy().catch(() => {});
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
      if (connection.usable && now - connection.openedAt < MAX_AGE_MS) break;
      connection.destroy();
      connection = list?.pop();
    }
    if (list?.length === 0) this.#idle.delete(key);
    return connection ?? null;
  }

  /** Takes back a connection whose answer was read to its end. */
  give(key: string, connection: Connection): void {
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
