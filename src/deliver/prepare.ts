// A due delivery as the HTTP request of one attempt. Pure: the same delivery, attempt and second give the same request.
import type { CallbackHeaders } from '../callback-headers.ts';
import { requestHead } from '../request-head.ts';
import { sign } from '../signature.ts';
import type { TraceContext } from '../trace.ts';

export type PreparableDelivery = {
  /** The `webhook-id`: the same on every attempt and resend. */
  id: string;
  url: string;
  method: 'POST' | 'PUT';
  /** The exact JSON bytes; the signature is over these. */
  body: Uint8Array;
  /** The same bytes gzipped, when the request asked for `compression: "gzip"`: sent instead of `body`. */
  gzippedBody?: Uint8Array;
  /** Its owner's own; absent: none. Sent to their own origin alone. */
  headers?: CallbackHeaders | null;
};

export type PreparedRequest = {
  url: string;
  method: 'POST' | 'PUT';
  headers: Record<string, string>;
  body: Uint8Array;
};

export type PrepareOptions = {
  delivery: PreparableDelivery;
  /** Number of this attempt, from 1, over all sends and resends. */
  attempt: number;
  /** `whsec_…`; each signs. */
  secrets: readonly string[];
  /** The worker's clock: receivers compare it with theirs. */
  now: Date;
  version: string;
  /** That the receiver may continue; absent: none. */
  trace?: TraceContext | null;
};

/**
 * With gzip the signature still covers the JSON itself: receivers' frameworks inflate before their verifier sees the
 * body, and the official libraries verify text only.
 */
export function prepare(options: PrepareOptions): PreparedRequest {
  const { delivery, attempt, secrets, now, version, trace = null } = options;
  const timestamp = Math.floor(now.getTime() / 1000);
  return {
    url: delivery.url,
    method: delivery.method,
    headers: requestHead({
      id: delivery.id,
      url: delivery.url,
      isGzip: delivery.gzippedBody !== undefined,
      attempt,
      timestamp,
      signature: sign(secrets, delivery.id, timestamp, delivery.body),
      own: delivery.headers ?? null,
      trace,
      version,
    }),
    body: delivery.gzippedBody ?? delivery.body,
  };
}
