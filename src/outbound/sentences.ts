// What a person is told of each way in which an exchange fails: what happened, and what cures it. The only place of these
// words; keyed by the code of the system, of OpenSSL, of c-ares or of our own reader. Holds no address, no name, nothing of
// the URL. Each row has a far end that fails so, and none is without (test/outbound/sentences.test.ts).
import type { FailureClass, Phase } from './failure.ts';

/** One for each phase in which the system may say so, where they differ. */
type Sentence = string | Readonly<Record<Exclude<Phase, 'dns'>, string>>;
type Row = { readonly class: FailureClass; readonly says: Sentence };

const HANDSHAKE_CUT =
  'The far end cut the connection during the TLS handshake: check that the port expects https and that it serves this host name.';
const CUT = {
  connect: 'The far end reset the connection as it was made: check that the port is right.',
  tls: HANDSHAKE_CUT,
  send: 'The far end cut the connection while the request was being sent: see its log; a limit for the size of a body is the usual cause.',
  firstByte: 'The far end cut the connection before it had answered: see its log.',
  body: 'The far end cut the connection in the middle of its answer: see its log.',
} as const;
const NOT_TLS =
  'What answers on this port is not TLS: write http:// in the URL, or give the port that expects https.';
const UNKNOWN_AUTHORITY =
  'The TLS certificate of the host comes from an unknown authority: use one from a public authority, or let the operator trust it with NODE_EXTRA_CA_CERTS.';
const WEAK =
  'the TLS libraries of today refuse it: issue a new certificate (RSA of 2048 bits or more, or ECDSA; SHA-256).';
const NO_CLIENT_CERTIFICATE =
  'The host wants a client certificate (mutual TLS), and callbacks and downloads send none: leave this address out of that rule, and check the signature instead.';
const OLD_PROTOCOL =
  'The host speaks only a TLS version that is given up (1.1 or older): let it offer TLS 1.2 or 1.3.';
/** Servers of many sites answer so to a name they have no certificate for. */
const NO_AGREEMENT =
  'The host refused the TLS handshake: it has no cipher in common with this server (let it offer those of today: ECDHE with AES-GCM or ChaCha20), or no certificate for this name.';
const ONLY_HTTP2 =
  'The host accepts only HTTP/2 on this port, and HTTP/1.1 is sent: let it accept HTTP/1.1 too.';
const FORBIDDEN_HERE =
  'This server is not allowed to connect there: a firewall or another rule of its own machine forbids it.';
const NO_WAY_OUT = 'There is no way from this server to the network of the host.';

/** During the handshake. Codes of OpenSSL without the prefix that changes with its version, see `codeOf`. */
export const TLS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'The TLS certificate of the host has expired: renew it.',
  CERT_NOT_YET_VALID:
    'The TLS certificate of the host is not valid yet: wait for its first day, or check the clock of whoever issued it.',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'The TLS certificate of the host is for another name: issue one for the name in the URL.',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'The TLS certificate of the host is self-signed: use one from a public authority, or let the operator trust it with NODE_EXTRA_CA_CERTS.',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'The host sends its TLS certificate without the intermediate ones, or its authority is unknown: let it send the whole chain (fullchain.pem).',
  INVALID_PURPOSE: 'The TLS certificate of the host is not meant for servers: issue one that is.',
  EE_KEY_TOO_SMALL: `The key of the host's TLS certificate is too weak, and ${WEAK}`,
  CA_KEY_TOO_SMALL: `The key of an authority in the host's TLS certificate chain is too weak, and ${WEAK}`,
  CA_MD_TOO_WEAK: `A certificate in the host's TLS chain is signed with a digest that is too weak (SHA-1 or MD5), and ${WEAK}`,
  DH_KEY_TOO_SMALL:
    'The Diffie-Hellman key of the host is too weak for the TLS libraries of today: let it use 2048 bits, or ECDHE.',
  CLIENT_CERTIFICATE_MISSING: NO_CLIENT_CERTIFICATE,
  ALERT_PROTOCOL_VERSION: OLD_PROTOCOL,
  UNSUPPORTED_PROTOCOL: OLD_PROTOCOL,
  ALERT_HANDSHAKE_FAILURE: NO_AGREEMENT,
  ALERT_INSUFFICIENT_SECURITY: NO_AGREEMENT,
  ALERT_NO_APPLICATION_PROTOCOL: ONLY_HTTP2,
  UNRECOGNIZED_NAME:
    'The host knows no site of this name: check the name in the URL, or set the site up for TLS.',
  ALERT_INTERNAL_ERROR:
    'The host failed in the TLS handshake (it said "internal error"): often it has no certificate for this name; see its log.',
  WRONG_VERSION_NUMBER: NOT_TLS,
  HTTP_REQUEST: NOT_TLS,
  DATA_LENGTH_TOO_LONG: NOT_TLS,
};

/** In any phase but DNS; what `TLS` says of a code during the handshake goes before. */
export const CODES: Readonly<Record<string, Row>> = {
  ECONNREFUSED: {
    class: 'connect',
    says: 'The host refused the connection: check that something listens there and that the port is right.',
  },
  EHOSTUNREACH: {
    class: 'connect',
    says: 'There is no route to the host: check the address and its firewall.',
  },
  ENETUNREACH: { class: 'network', says: NO_WAY_OUT },
  EADDRNOTAVAIL: { class: 'network', says: NO_WAY_OUT },
  EPERM: { class: 'network', says: FORBIDDEN_HERE },
  EACCES: { class: 'network', says: FORBIDDEN_HERE },
  ETIMEDOUT: {
    class: 'timeout',
    says: {
      connect: 'The host does not answer there, or a firewall drops the packets.',
      tls: 'The line went dead during the TLS handshake.',
      send: 'The line went dead while the request was being sent.',
      firstByte: 'The line went dead before the far end had answered.',
      body: 'The line went dead in the middle of the answer.',
    },
  },
  ECONNRESET: { class: 'reset', says: CUT },
  ECONNABORTED: { class: 'reset', says: CUT },
  EPIPE: { class: 'reset', says: CUT },
  CLOSED: {
    class: 'reset',
    says: 'The far end closed the connection without an answer: see its log.',
  },
  CLOSED_PLAIN: {
    class: 'reset',
    says: 'The far end closed the connection without an answer: see its log; if its port expects https, write https:// in the URL.',
  },
  CLOSED_IN_STATUS: {
    class: 'reset',
    says: 'The far end closed the connection in the middle of the first line of its answer: see its log.',
  },
  ALERT_CERTIFICATE_REQUIRED: { class: 'tls', says: NO_CLIENT_CERTIFICATE },
  ALERT_BAD_CERTIFICATE: { class: 'tls', says: NO_CLIENT_CERTIFICATE },
  NOT_HTTP: {
    class: 'protocol',
    says: 'What came back is not HTTP: another service answers on this port, so check the port of the URL.',
  },
  NOT_HTTP_BUT_TLS: {
    class: 'protocol',
    says: 'What answers on this port is TLS: write https:// in the URL.',
  },
  NOT_HTTP_BUT_HTTP2: {
    class: 'protocol',
    says: ONLY_HTTP2,
  },
  BAD_STATUS_LINE: {
    class: 'protocol',
    says: 'The first line of the answer names no status: see what the far end sends, it begins like HTTP.',
  },
  HEAD_OVERFLOW: {
    class: 'too_large_headers',
    says: 'The headers of the answer are larger than 16 KiB, and were not read further.',
  },
  BODY_SHORT: {
    class: 'protocol',
    says: 'The far end closed the connection before the whole of its answer was sent.',
  },
  BODY_CHUNKS: { class: 'protocol', says: 'The chunks of the answer are not formed as HTTP/1.1 has them.' },
  BODY_UNCERTAIN: {
    class: 'protocol',
    says: 'The headers of the answer contradict one another about its length (Content-Length, Transfer-Encoding), so its end cannot be told.',
  },
};

/** Of c-ares. `network`: it is our own name server that is not there, not the name. */
export const DNS: Readonly<Record<string, { readonly class: FailureClass; readonly says: string }>> = {
  ENOTFOUND: { class: 'dns', says: 'The host name does not exist: check its spelling and its DNS records.' },
  ENODATA: { class: 'dns', says: 'The host name has no address: check its DNS records.' },
  ESERVFAIL: {
    class: 'dns',
    says: 'The name servers of the host name do not answer, or contradict themselves (SERVFAIL): check its DNS records, its delegation and DNSSEC.',
  },
  ETIMEOUT: {
    class: 'dns',
    says: 'The name servers of the host name did not answer in time: check its DNS records and its delegation.',
  },
  OURS_SILENT: {
    class: 'network',
    says: 'The DNS server that this server asks did not answer in time, whatever it was asked: nothing is known of the host.',
  },
  ECONNREFUSED: {
    class: 'network',
    says: 'The DNS server that this server asks is not there: nothing is known of the host.',
  },
  EREFUSED: {
    class: 'network',
    says: 'The DNS server that this server asks refuses to answer it: nothing is known of the host.',
  },
};

/** When the time of an exchange runs out, by what it was doing; % is the time. */
export const OUT_OF_TIME: Readonly<Record<Phase | 'firstByteOfLarge', string>> = {
  dns: 'The host name could not be resolved %.',
  connect: 'No connection %: the host does not answer there, or a firewall drops the packets.',
  tls: 'The TLS handshake was not finished %.',
  send: 'The far end did not take the whole request %.',
  firstByte: 'No answer %: a receiver should answer first and work later.',
  firstByteOfLarge:
    'No answer %: the line of the far end is too slow for a body of this size, or it works before it answers.',
  body: 'The answer was not complete %.',
};

/** Where there is no more to say than the class; for what the tables above do not list, the code is added. */
export const OF_CLASS = {
  config: 'The request could not be built: a header value or the URL is not valid.',
  shortage: 'This server is short of what it needs to send, and tries again shortly.',
  connect: 'The connection could not be made.',
  tls: 'The TLS connection failed.',
  stale_connection:
    'The far end closed a kept connection as this request was sent on it: it may or may not have taken the request.',
  aborted: 'The request was interrupted because this server is stopping.',
  internal: 'Something failed inside Ringback.',
} as const satisfies Partial<Record<FailureClass, string>>;

/** The class and the sentence of a code in a phase; null where the tables have none. */
export function rowOf(code: string, phase: Phase | null): { class: FailureClass; sentence: string } | null {
  if (phase === 'tls') {
    const sentence = TLS[code];
    if (sentence !== undefined) return { class: 'tls', sentence };
  }
  if (phase === 'dns') {
    const row = DNS[code];
    return row === undefined ? null : { class: row.class, sentence: row.says };
  }
  const row = CODES[code];
  if (row === undefined) return null;
  return {
    // The handshake failed, whatever cut it; a line that went dead is a matter of time in any phase.
    class: phase === 'tls' && row.class === 'reset' ? 'tls' : row.class,
    sentence: typeof row.says === 'string' ? row.says : row.says[phase ?? 'connect'],
  };
}
