// A connection to an HTTP server, byte by byte: for clients that no HTTP library would be.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export type Raw = {
  socket: Socket;
  /** What came so far. */
  text(): string;
  /** Resolves with all that came when the server has closed, or with null when it has not within so long. */
  closed(withinMs: number): Promise<string | null>;
};

/** Connected. With `reads: false`, nothing is ever read from it. */
export async function openRaw(
  url: string,
  { reads = true, halfOpen = false }: { reads?: boolean; halfOpen?: boolean } = {},
): Promise<Raw> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: halfOpen });
  const chunks: Buffer[] = [];
  if (reads) socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const gone = new Promise<boolean>((resolve) => {
    socket.once('end', () => resolve(true));
    socket.once('close', () => resolve(true));
  });
  await once(socket, 'connect');
  // A server that refuses resets the connection: what came before counts.
  socket.on('error', () => {});
  const text = () => Buffer.concat(chunks).toString();
  return {
    socket,
    text,
    async closed(withinMs) {
      const { promise: late, resolve } = Promise.withResolvers<boolean>();
      const timer = setTimeout(() => resolve(false), withinMs);
      const closed = await Promise.race([gone, late]);
      clearTimeout(timer);
      return closed ? text() : null;
    },
  };
}
