// Opens one socket to vetted addresses and to nothing else: TCP, the check of the peer on the open socket, then TLS.
// Not a byte goes to a peer that was not vetted.
import { connect as connectTcp, type LookupFunction, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type AddressPolicy, judgeAddress, normalizeAddress } from './address.ts';
import { OutboundError, type Phase } from './failure.ts';
import { type Target, URL_REFUSALS } from './url.ts';

/** `net.connect`, or a stand-in that shows a test what would have been dialled. */
export type Connect = (options: TcpNetConnectOpts) => Socket;

export type DialOptions = {
  target: Target;
  /** All judged; the first that answers is used. */
  addresses: readonly string[];
  policy: AddressPolicy;
  connect?: Connect;
  /** PEM certificates to trust instead of the machine's. */
  ca?: string;
  /** Told as each phase begins, and with null when the socket is ready. */
  onPhase(phase: Phase | null): void;
  /** Told of each socket at once, so that it can be destroyed in any phase. */
  onSocket(socket: Socket): void;
};

/** Milliseconds for one address before the next is tried beside it (RFC 8305); the deadline bounds them all. */
const NEXT_ADDRESS_MS = 1_000;

export async function dial(options: DialOptions): Promise<Socket> {
  const { target, addresses, policy, connect = connectTcp, ca, onPhase, onSocket } = options;
  onPhase('connect');
  const tcp = connect({
    host: target.host,
    port: target.port,
    // Skipped by Node for IP literals, which is why `addresses` were judged before and the peer is judged after.
    lookup: pinned(addresses),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
    noDelay: true,
  });
  onSocket(tcp);
  await opened(tcp, 'connect');

  const peer = tcp.remoteAddress ?? '';
  const vetted = addresses.some((address) => normalizeAddress(address) === normalizeAddress(peer));
  if (!vetted || !judgeAddress(peer, target.port, policy).ok) {
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
  await opened(tls, 'secureConnect');
  onPhase(null);
  return tls;
}

/** Answers in both shapes Node asks for: `{all: true}` wants an array. */
function pinned(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  return (_host, options, callback) => {
    const first = all[0];
    if (options.all) callback(null, all);
    else if (first) callback(null, first.address, first.family);
    else callback(Object.assign(new Error('no vetted address'), { code: 'ENOTFOUND' }), '', 4);
  };
}

function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays for the socket's life: between here and undici's own listeners an error must not end the process.
    socket.on('error', reject);
    socket.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
    socket.once(event, () => resolve());
  });
}
