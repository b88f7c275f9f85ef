// Far ends that fail in one way each: TLS servers that are set up wrongly, sockets that say what no server should, and a
// network that says what the kernel says of a broken one. Must never decide what a test expects.
import { getDiffieHellman } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect as connectTcp, Socket, type TcpNetConnectOpts } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { type SocketServer, startSocketServer } from './receiver.ts';

/** Of test/rig/tls. */
export const pem = (name: string) => readFileSync(new URL(`./tls/${name}.pem`, import.meta.url), 'utf8');
/** A certificate with those that the server sends along. */
export const chain = (name: string, ...more: string[]) => ({
  key: pem(`${name}.key`),
  cert: [name, ...more].map((one) => pem(`${one}.cert`)).join(''),
});
/** OpenSSL serves no weak key otherwise. */
export const WEAK = { ciphers: 'DEFAULT@SECLEVEL=0' };

const NO_CONTENT = 'HTTP/1.1 204 No Content\r\n\r\n';

/** Speaks TLS; answers 204 unless told otherwise. The URL names `localhost`. */
export async function startTls(
  options: TlsOptions,
  onSocket = (socket: TLSSocket) => {
    socket.on('data', () => socket.write(NO_CONTENT));
  },
): Promise<SocketServer> {
  let connections = 0;
  const server = createServer(options, (socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}`,
    port,
    get connections() {
      return connections;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** Says these bytes once the first of the caller's have come; then, or at once where there are none, does as told. */
export const says =
  (bytes: string | Uint8Array, then: (socket: Socket) => void = () => {}) =>
  (socket: Socket) =>
    socket.once('data', () => {
      if (bytes.length === 0) then(socket);
      else socket.write(bytes as string, () => then(socket));
    });

/** A fatal TLS alert of this number, in answer to the ClientHello. */
export const alert = (number: number) => says(Uint8Array.from([0x15, 3, 3, 0, 2, 2, number]));

/** A ServerHello of TLS 1.0, as a server sends it that ignores what the client asks for. */
export const oldServerHello = Buffer.concat([
  Uint8Array.from([0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1]),
  Buffer.alloc(32, 7),
  Uint8Array.from([0, 0, 0x2f, 0]),
]);

/** Between the two, and breaks a record of TLS once the handshake is over. */
export function startTlsBreaker(behind: SocketServer): Promise<SocketServer> {
  return startSocketServer((socket) => {
    const server = connectTcp(behind.port, '127.0.0.1');
    server.on('error', () => {});
    socket.on('close', () => server.destroy());
    server.on('data', (bytes) => socket.write(bytes));
    let hellos = 0;
    socket.on('data', (bytes) => {
      hellos += 1;
      if (hellos === 1) server.write(bytes);
      else socket.write(Buffer.concat([Uint8Array.from([0x17, 3, 3, 0, 32]), Buffer.alloc(32, 9)]));
    });
  });
}

/** `dhparam` of 1,024 bits: PKCS #3, a sequence of the prime and the generator. */
export function smallDiffieHellman(): string {
  const group = getDiffieHellman('modp2');
  const integer = (value: Buffer) => der(2, Buffer.concat([Uint8Array.from([0]), value]));
  const sequence = der(0x30, Buffer.concat([integer(group.getPrime()), integer(group.getGenerator())]));
  return `-----BEGIN DH PARAMETERS-----\n${sequence.toString('base64')}\n-----END DH PARAMETERS-----\n`;
}
function der(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Uint8Array.from([tag, ...size]), value]);
}

const failure = (code: string, address = '192.0.2.1') =>
  Object.assign(new Error(`the system says ${code}`), code === '' ? {} : { code, address });

/** Stands where `net.connect` stands: the kernel says this of the connection that is to be made. */
export const connectFails = (code: string, address?: string) => () =>
  new Socket().destroy(failure(code, address));

/** The connection is real; so many milliseconds after it was made, the kernel says this of it. */
export const lineFails = (code: string, milliseconds: number) => (options: TcpNetConnectOpts) => {
  const socket = connectTcp(options);
  const timer = setTimeout(() => socket.destroy(failure(code)), milliseconds);
  socket.once('close', () => clearTimeout(timer));
  return socket;
};
