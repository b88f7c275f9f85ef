// Why an exchange brought no answer: one closed table of classes, whose fault each is, and the sentence for a person
// (sentences.ts). Pure. Errors are told apart by `code` (also inside `cause` and `AggregateError.errors`).
import { type Shortage, shortageOf } from '../shortage.ts';
import { OF_CLASS, rowOf } from './sentences.ts';

export const PHASES = ['dns', 'connect', 'tls', 'send', 'firstByte', 'body'] as const;
export type Phase = (typeof PHASES)[number];

type Row = { readonly blame: 'ours' | 'theirs' | 'configuration' };

export const FAILURE_CLASSES = {
  /** The address policy refused it; nothing was sent. */
  blocked_address: { blame: 'configuration' },
  /** The request itself cannot be sent: a bad URL or header value. */
  config: { blame: 'configuration' },
  /** The name has no address that could be found. */
  dns: { blame: 'theirs' },
  /** Descriptors, memory, ports: this machine could not send, and may soon. Costs nobody an attempt. */
  shortage: { blame: 'ours' },
  /**
   * No way from this machine to that network, or no DNS server that answers it. It may last (no IPv6 here), so the schedule
   * goes on and bounds it.
   */
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
  /** The system's, OpenSSL's, c-ares' or our reader's code, such as ECONNREFUSED. */
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

/** Any thrown value, and the phase it was thrown in, as a row of the table. Total: never throws. */
export function failureOf(error: unknown, phase: Phase | null): Failure {
  const shortage = shortageOf(error) ?? (hasNoPortLeft(error) ? 'network' : null);
  if (shortage !== null)
    return {
      class: 'shortage',
      shortage,
      code: codeOf(error),
      phase,
      message: OF_CLASS.shortage,
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
  const row = (code === null ? null : rowOf(code, phase)) ?? unlisted(code, phase);
  return {
    class: row.class,
    code,
    phase,
    message: row.sentence,
    detail: error instanceof Error ? error.message : String(error),
  };
}

function unlisted(code: string | null, phase: Phase | null): { class: FailureClass; sentence: string } {
  const failureClass = classify(code, phase);
  const sentence = OF_CLASS[failureClass];
  return { class: failureClass, sentence: code === null ? sentence : `${sentence} (${code})` };
}

/** What cut a connection that had been kept from an earlier exchange, before a byte of the answer. */
export function onKeptConnection(failure: Failure): Failure {
  if (failure.class !== 'reset' || failure.code === 'CLOSED_IN_STATUS') return failure;
  return { ...failure, class: 'stale_connection', message: OF_CLASS.stale_connection };
}

/** Of what the table of sentences does not list. */
function classify(code: string | null, phase: Phase | null): keyof typeof OF_CLASS {
  if (phase === 'connect') return code === null ? 'internal' : 'connect';
  if (phase === 'tls') return 'tls';
  if (code === null) return 'internal';
  if (code.startsWith('ERR_INVALID_')) return 'config';
  return TLS_CODE.test(code) ? 'tls' : 'internal';
}

/** Once the handshake is over: alerts, and what is wrong with a record. */
const TLS_CODE = /^(?:ALERT_|ERR_TLS_|EPROTO$|DECRYPTION_|BAD_|WRONG_)/;

/** Of our side's network. EADDRNOTAVAIL of IPv6: this machine has no such address to call from. */
const NETWORK: ReadonlySet<string> = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EPERM', 'EACCES']);

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
  const { code, errors, cause } = error as Record<'code' | 'errors' | 'cause', unknown>;
  if (Array.isArray(errors)) {
    const codes = errors.flatMap((member) => codeOf(member, depth + 1) ?? []);
    const [first = null] = [...codes.filter((one) => !NETWORK.has(one)), ...codes];
    if (first !== null) return first;
  }
  if (code === 'UNSPECIFIED') return WORDS_OF_OPENSSL[messageOf(error)] ?? code;
  if (typeof code === 'string') return code.replace(OPENSSL_PREFIX, '');
  return codeOf(cause, depth + 1);
}

/** `ERR_SSL_SSLV3_ALERT_…` of one version of OpenSSL is `ERR_SSL_SSL/TLS_ALERT_…` of the next. */
const OPENSSL_PREFIX = /^ERR_SSL_(?:(?:SSLV3|SSL\/TLS|TLSV\d+)_)?/;
/** Node knows no code for these verdicts on a certificate: OpenSSL's words are all there is. */
const WORDS_OF_OPENSSL: Readonly<Record<string, string>> = {
  'EE certificate key too weak': 'EE_KEY_TOO_SMALL',
  'CA certificate key too weak': 'CA_KEY_TOO_SMALL',
  'CA signature digest algorithm too weak': 'CA_MD_TOO_WEAK',
};

function messageOf(error: object): string {
  return error instanceof Error ? error.message : '';
}
