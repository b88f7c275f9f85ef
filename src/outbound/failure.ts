// Why an exchange brought no answer: one closed table of classes, whose fault each is, and the sentence for a person.
// Pure. Errors are told apart by `code` (also inside `cause` and `AggregateError.errors`), never by class: bundled and
// installed undici have different classes of the same name.

import { type Shortage, shortageOf } from '../shortage.ts';

export const PHASES = ['dns', 'connect', 'tls', 'send', 'firstByte', 'body'] as const;
export type Phase = (typeof PHASES)[number];

type Row = { readonly blame: 'ours' | 'theirs' | 'configuration' };

export const FAILURE_CLASSES = {
  /** The address policy refused it; nothing was sent. */
  blocked_address: { blame: 'configuration' },
  /** The request itself cannot be sent: a bad URL or header value. */
  config: { blame: 'configuration' },
  /** The name leads nowhere. */
  dns: { blame: 'theirs' },
  /** Descriptors, memory, ports: this machine could not send, and may soon. Costs nobody an attempt. */
  shortage: { blame: 'ours' },
  /** No way from this machine to that network. It may last (no IPv6 here), so the schedule goes on and bounds it. */
  network: { blame: 'ours' },
  connect: { blame: 'theirs' },
  tls: { blame: 'theirs' },
  timeout: { blame: 'theirs' },
  /** The line broke; the far end may or may not have taken the request. */
  reset: { blame: 'theirs' },
  /** The same on a connection kept from an earlier exchange: most likely it was just being closed, which is nobody's fault. */
  stale_connection: { blame: 'ours' },
  /** What came back is not HTTP. */
  protocol: { blame: 'theirs' },
  too_large_headers: { blame: 'theirs' },
  /** The caller's signal: we are shutting down. */
  aborted: { blame: 'ours' },
  internal: { blame: 'ours' },
} as const satisfies Record<string, Row>;
export type FailureClass = keyof typeof FAILURE_CLASSES;

export type Failure = {
  readonly class: FailureClass;
  /** The system's or undici's code, such as ECONNREFUSED. */
  readonly code: string | null;
  readonly phase: Phase | null;
  /** What, of class `shortage`. */
  readonly shortage?: Shortage;
  /** For the owner of the delivery: no address, no internals. */
  readonly message: string;
  /** For the operator's log only. */
  readonly detail: string | null;
};

/** Our own errors on the way out, with the class in `code`. */
export class OutboundError extends Error {
  readonly code: FailureClass;
  readonly detail: string | null;
  constructor(
    code: FailureClass,
    message: string,
    options?: { cause?: unknown; detail?: string | undefined },
  ) {
    super(message, options);
    this.name = 'OutboundError';
    this.code = code;
    this.detail = options?.detail ?? null;
  }
}

const SENTENCES: Record<string, string> = {
  HPE_INVALID: 'What came back is not HTTP/1.1: check that the port belongs to a web server.',
  ECONNREFUSED:
    'The host refused the connection: check that something listens there and that the port is right.',
  EHOSTUNREACH: 'There is no route to the host: check the address and its firewall.',
  ENETUNREACH: 'There is no way from this server to the network of the host.',
  ECONNRESET: 'The far end cut the connection before it had answered.',
  EPIPE: 'The far end cut the connection while the request was being sent.',
  UND_ERR_SOCKET: 'The far end closed the connection before it had answered.',
  UND_ERR_HEADERS_OVERFLOW: 'The headers of the answer are larger than 16 KiB.',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'The answer is shorter or longer than its content-length says.',
  CERT_HAS_EXPIRED: 'The TLS certificate of the host has expired: renew it.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'The TLS certificate of the host is for another name.',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'The TLS certificate of the host is self-signed: use one from a public authority, or let the operator trust it with NODE_EXTRA_CA_CERTS.',
  SELF_SIGNED_CERT_IN_CHAIN:
    'The TLS certificate of the host comes from an unknown authority: let the operator trust it with NODE_EXTRA_CA_CERTS.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'The TLS certificate chain of the host is incomplete or its authority unknown: send the intermediate certificates too.',
};

const CLASS_SENTENCES: Record<FailureClass, string> = {
  blocked_address: 'The address may not be called.',
  config: 'The request could not be built: a header value or the URL is not valid.',
  dns: 'The host name could not be resolved.',
  shortage: 'This server is short of what it needs to send, and tries again shortly.',
  network: 'There is no way from this server to the network of the host.',
  connect: 'The connection could not be made.',
  tls: 'The TLS handshake failed.',
  timeout: 'The time ran out.',
  reset: 'The far end cut the connection.',
  stale_connection:
    'The far end closed a kept connection as this request was sent on it: it may or may not have taken the request.',
  protocol: 'What came back is not a valid HTTP answer.',
  too_large_headers: 'The headers of the answer are too large.',
  aborted: 'The request was interrupted because this server is stopping.',
  internal: 'Something failed inside Ringback.',
};

/** Any thrown value, and the phase it was thrown in, as a row of the table. Total: never throws. */
export function failureOf(error: unknown, phase: Phase | null): Failure {
  const shortage = shortageOf(error) ?? (hasNoPortLeft(error) ? 'network' : null);
  if (shortage !== null)
    return {
      class: 'shortage',
      shortage,
      code: codeOf(error),
      phase,
      message: CLASS_SENTENCES.shortage,
      detail: `short of ${shortage}: ${error instanceof Error ? error.message : String(error)}`,
    };
  if (error instanceof OutboundError)
    return {
      class: error.code,
      code: codeOf(error.cause),
      phase,
      message: error.message,
      detail: error.detail,
    };
  const code = codeOf(error);
  const failureClass = classify(code, phase);
  const sentence = (code !== null && SENTENCES[code]) || CLASS_SENTENCES[failureClass];
  return {
    class: failureClass,
    code,
    phase,
    message: code === null || SENTENCES[code] ? sentence : `${sentence} (${code})`,
    detail: error instanceof Error ? error.message : String(error),
  };
}

/** What cut a connection that had been kept from an earlier exchange, before a byte of the answer. */
export function onKeptConnection(failure: Failure): Failure {
  if (failure.class !== 'reset') return failure;
  return { ...failure, class: 'stale_connection', message: CLASS_SENTENCES.stale_connection };
}

function classify(code: string | null, phase: Phase | null): FailureClass {
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT') return 'timeout';
  if (code !== null && NETWORK.has(code)) return 'network';
  if (phase === 'dns') return 'dns';
  if (phase === 'connect') return code === null ? 'internal' : code === 'ECONNRESET' ? 'reset' : 'connect';
  if (phase === 'tls') return 'tls';
  if (code === null) return 'internal';
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW') return 'too_large_headers';
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') return 'config';
  if (code.startsWith('ERR_INVALID_')) return 'config';
  if (code.startsWith('HPE_') || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return 'protocol';
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO') return 'tls';
  if (['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'UND_ERR_SOCKET', 'EHOSTUNREACH'].includes(code))
    return 'reset';
  return 'internal';
}

/** Of our side's network. EADDRNOTAVAIL of IPv6: this machine has no such address to call from. */
const NETWORK: ReadonlySet<string> = new Set(['ENETUNREACH', 'EADDRNOTAVAIL']);

/** Every IPv4 host has an address to call from, so what is not available is a free port. */
function hasNoPortLeft(error: unknown): boolean {
  const { code, address, errors } = (error ?? {}) as { code?: unknown; address?: unknown; errors?: unknown };
  if (Array.isArray(errors)) return errors.some(hasNoPortLeft);
  return code === 'EADDRNOTAVAIL' && typeof address === 'string' && !address.includes(':');
}

/**
 * The first code found on the error, its members (happy eyeballs tries several addresses) or its causes. Of the members,
 * one that reached somebody tells more than one that found no way out.
 */
function codeOf(error: unknown, depth = 0): string | null {
  if (typeof error !== 'object' || error === null || depth > 5) return null;
  const { code, name, errors, cause } = error as Record<'code' | 'name' | 'errors' | 'cause', unknown>;
  if (Array.isArray(errors)) {
    const codes = errors.flatMap((member) => codeOf(member, depth + 1) ?? []);
    const [first = null] = [...codes.filter((one) => !NETWORK.has(one)), ...codes];
    if (first !== null) return first;
  }
  if (typeof code === 'string') return code;
  // undici 8.12 loses llhttp's code on the way (its table is not indexed by number): the name is all there is.
  if (name === 'HTTPParserError') return 'HPE_INVALID';
  return codeOf(cause, depth + 1);
}
