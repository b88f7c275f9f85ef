// The head of a callback's request, as an attempt sends it and as it is shown later. Pure.
import { type CallbackHeaders, headersFor } from './callback-headers.ts';
import type { TraceContext } from './trace.ts';

export type RequestHead = {
  /** Of the delivery: the same on every attempt and resend. */
  id: string;
  url: string;
  isGzip: boolean;
  /** From 1, over all sends and resends. */
  attempt: number;
  /** Seconds since 1970 at its beginning; null: it has not begun. */
  timestamp: number | null;
  /** Null where it is shown: no signature is kept. */
  signature: string | null;
  /** Its owner's own; null: none. Sent to their own origin alone. */
  own: CallbackHeaders | null;
  /** That the receiver may continue; absent: none. */
  trace?: TraceContext | null;
  version: string;
};

export function requestHead(head: RequestHead): Record<string, string> {
  const own = headersFor(head.url, head.own);
  return {
    'user-agent': `Ringback/${head.version}`,
    // An owner who names a trace means that one: two halves of different traces would be none.
    ...('traceparent' in own ? {} : head.trace),
    ...own,
    'content-type': 'application/json',
    ...(head.isGzip && { 'content-encoding': 'gzip' }),
    'webhook-id': head.id,
    ...(head.timestamp !== null && { 'webhook-timestamp': String(head.timestamp) }),
    ...(head.signature !== null && { 'webhook-signature': head.signature }),
    'ringback-attempt': String(head.attempt),
  };
}
