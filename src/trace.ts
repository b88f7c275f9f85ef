// W3C Trace Context: what a request says of the trace that it is part of, and what we tell of it to whom we call. And what the
// parts ask of whoever records traces (tracing/otlp.ts). Pure.

/** The headers, as they travel and as rows keep them. */
export type TraceContext = { traceparent: string; tracestate?: string };

const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:-.*)?$/;
const LONGEST = 512;
/** Members `key=value`; what is in them is somebody else's. */
const TRACESTATE = /^[\x20-\x7e\t]*=[\x20-\x7e\t]*$/;

/** Null: the request is part of no trace, or says so in a way that the standard has ignored. */
export function traceOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): TraceContext | null {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== 'string' || traceparent.length > LONGEST) return null;
  const parent = traceparent.trim();
  if (!TRACEPARENT.test(parent)) return null;
  // Version 00 ends with its flags; of a later one nobody knows yet what follows.
  if (parent.startsWith('00-') && parent.length > 55) return null;
  const state = [tracestate ?? []].flat().join(',').trim();
  const isFit = state.length <= LONGEST && TRACESTATE.test(state);
  return { traceparent: parent, ...(isFit && { tracestate: state }) };
}

/** For the log; undefined, which the log leaves out, where there is no trace. */
export function traceIdOf(trace: TraceContext | null): string | undefined {
  return trace?.traceparent.slice(3, 35);
}

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export type SpanStart = {
  /** Null: it begins a trace. */
  parent: TraceContext | null;
  /** Whom it serves, or whom it calls; `internal` unless given. */
  kind?: 'server' | 'client' | 'internal';
  /** Asked for only where somebody records. */
  attributes?: () => Attributes;
  /** Unless it begins now. */
  at?: Date;
};

export type SpanEnd = {
  attributes?: () => Attributes;
  /** Set: it failed, and this is why. */
  error?: string | undefined;
  /** Unless it ends now. */
  at?: Date;
};

export type Span = {
  /** For whoever works on within it, here or elsewhere. */
  readonly context: TraceContext | null;
  /** What follows the first call does nothing. */
  end(end?: SpanEnd): void;
};

export type Tracing = {
  start(name: string, start: SpanStart): Span;
  /** Sends what has not been sent, for two seconds at most. */
  stop(): Promise<void>;
};

const NOTHING = () => {};

/** Nobody records: a caller's trace is passed on as it came. */
export const NO_TRACING: Tracing = {
  start: (_name, { parent }) => ({ context: parent, end: NOTHING }),
  stop: async () => {},
};
