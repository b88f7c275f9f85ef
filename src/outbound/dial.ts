// Opens one socket to vetted addresses and to nothing else: TCP, the check of the peer on the open socket, then TLS.
// Not a byte goes to a peer that was not vetted.
import { connect as connectTcp, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type AddressPolicy, judgeAddress, normalizeAddress } from './address.ts';
import { failureOf, OutboundError, type Phase } from './failure.ts';
import { type Target, URL_REFUSALS } from './url.ts';

/** `net.connect`, or a stand-in that shows a test what would have been dialled. */
export type Connect = (options: TcpNetConnectOpts) => Socket;

export type DialOptions = {
  target: Target;
  /** All judged; the first to connect is used. */
  addresses: readonly string[];
  policy: AddressPolicy;
  connect?: Connect;
  /** PEM certificates to trust instead of the machine's. */
  ca?: string;
  /** Told as each phase begins, and with null when the socket is ready. */
  onPhase(phase: Phase | null): void;
  /** Told of each socket at once, so that it can be destroyed in any phase. */
  onSocket(socket: Socket): void;
  /** The exchange is over: nothing more is dialled. */
  isStopped(): boolean;
};

/** Milliseconds after which the next address is tried beside those before it (RFC 8305); the deadline bounds them all. */
const NEXT_ADDRESS_MS = 250;

export async function dial(options: DialOptions): Promise<Socket> {
  const { target, addresses, policy, ca, onPhase, onSocket } = options;
  onPhase('connect');
  const tcp = await firstToConnect(options);
  const peer = tcp.remoteAddress ?? '';
  const vetted = addresses.some((address) => normalizeAddress(address) === normalizeAddress(peer));
  if (!vetted || !(target.inbox || judgeAddress(peer, target.port, policy).ok)) {
    tcp.destroy();
    throw new OutboundError('blocked_address', URL_REFUSALS.not_public, {
      detail: `connected to ${peer}, which was not among the vetted addresses`,
    });
  }
  if (!target.secure) {
    onPhase(null);
    return tcp;
  }

  onPhase('tls');
  const tls = connectTls({
    socket: tcp,
    host: target.host,
    // SNI carries names only (RFC 6066); a literal is still checked against the certificate's IP entries.
    servername: target.literal === 0 ? target.host : '',
    ALPNProtocols: ['http/1.1'],
    // Said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment changes nothing.
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
  });
  onSocket(tls);
  await secured(tls);
  onPhase(null);
  return tls;
}

/**
 * Happy eyeballs (RFC 8305): the families by turns, an attempt every 250 ms or as soon as one has failed, and all of them
 * go on until one connects. Node's own (`autoSelectFamily`) gives each up before it tries the next: three dead addresses
 * before a good one took 3 s.
 */
function firstToConnect(options: DialOptions): Promise<Socket> {
  const { target, connect = connectTcp, onSocket, isStopped } = options;
  const addresses = byTurns(options.addresses);
  return new Promise((resolve, reject) => {
    const errors: unknown[] = [];
    const trying = new Set<Socket>();
    let next = 0;
    let timer: NodeJS.Timeout | undefined;
    let isOver = false;
    const tryNext = () => {
      clearTimeout(timer);
      if (isOver || isStopped()) return;
      const host = addresses[next++];
      if (host !== undefined) begin(host);
      else if (trying.size === 0) {
        isOver = true;
        reject(errors.length === 1 ? errors[0] : new AggregateError(errors, 'no address connected'));
      }
    };
    const begin = (host: string) => {
      const socket = connect({ host, port: target.port, noDelay: true });
      onSocket(socket);
      trying.add(socket);
      const lost = (error: unknown) => {
        if (!trying.delete(socket)) return;
        errors.push(error);
        tryNext();
      };
      // Stays for the socket's life: an error must not end the process before others listen.
      socket.on('error', lost);
      socket.once('close', () => lost(closed()));
      socket.once('connect', () => {
        if (isOver) return void socket.destroy();
        isOver = true;
        clearTimeout(timer);
        trying.delete(socket);
        for (const other of trying) other.destroy();
        resolve(socket);
      });
      if (next < addresses.length) timer = setTimeout(tryNext, NEXT_ADDRESS_MS);
    };
    tryNext();
  });
}

/** Of each family the first, then of each the second, and so on. */
function byTurns(addresses: readonly string[]): string[] {
  const isSix = (address: string) => address.includes(':');
  const six = addresses.filter(isSix);
  const four = addresses.filter((address) => !isSix(address));
  const [first, second] = isSix(addresses[0] ?? '') ? [six, four] : [four, six];
  return Array.from({ length: Math.max(first.length, second.length) }, (_, index) => [
    first[index],
    second[index],
  ])
    .flat()
    .filter((address) => address !== undefined);
}

function secured(tls: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    tls.on('error', (error) => reject(wantsCertificate(tls, error) ?? error));
    tls.once('close', () => reject(closed()));
    tls.once('secureConnect', () => resolve());
  });
}

/** Until TLS 1.3 a server that wants a certificate of ours says only "handshake failure", but after a cipher was agreed on. */
function wantsCertificate(tls: TLSSocket, error: Error): Error | null {
  // Undefined before the agreement, whatever the types say.
  const cipher: unknown = tls.getCipher();
  if (failureOf(error, 'tls').code !== 'ALERT_HANDSHAKE_FAILURE' || cipher === undefined) return null;
  return Object.assign(new Error(error.message, { cause: error }), { code: 'CLIENT_CERTIFICATE_MISSING' });
}

function closed(): Error {
  return Object.assign(new Error('closed'), { code: 'ECONNRESET' });
}
