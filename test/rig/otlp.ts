// A collector: it takes traces over OTLP/HTTP, decodes them by the published schema, and keeps what came.
import protobuf from 'protobufjs';
import { type ReceivedRequest, startReceiver } from './receiver.ts';

/** Of opentelemetry-proto 1.9 (trace.proto, common.proto, resource.proto): the fields that tests look at. */
const SCHEMA = `
  syntax = "proto3";
  message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { repeated Span spans = 2; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
    int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
    Status status = 15;
  }
  message Status { string message = 2; int32 code = 3; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue {
    oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; }
  }`;
const Request = protobuf.parse(SCHEMA).root.lookupType('ExportTraceServiceRequest');

export type SeenSpan = {
  name: string;
  /** 1 internal, 2 server, 3 client, 5 consumer. */
  kind: number;
  traceId: string;
  spanId: string;
  /** Empty: it begins its trace. */
  parentId: string;
  attributes: Record<string, unknown>;
  /** 2: error. */
  status: number;
  ms: number;
  resource: Record<string, unknown>;
};

export type Collector = {
  url: string;
  requests: ReceivedRequest[];
  spans(): SeenSpan[];
  close(): Promise<void>;
};

export async function startCollector(): Promise<Collector> {
  const receiver = await startReceiver();
  const { requests } = receiver;
  return {
    url: receiver.url,
    requests,
    spans: () => requests.flatMap(({ body }) => spansOf(body)),
    close: () => receiver.close(),
  };
}

type KeyValue = { key: string; value: Record<string, unknown> };
type Decoded = {
  resourceSpans: {
    resource: { attributes: KeyValue[] };
    scopeSpans: { spans: DecodedSpan[] }[];
  }[];
};
type DecodedSpan = {
  name: string;
  kind: number;
  traceId: Buffer;
  spanId: Buffer;
  parentSpanId: Buffer;
  attributes: KeyValue[];
  status?: { code: number };
  startTimeUnixNano: string;
  endTimeUnixNano: string;
};

function spansOf(body: Buffer): SeenSpan[] {
  const decoded = Request.toObject(Request.decode(body), { longs: String, defaults: true, oneofs: false });
  return (decoded as Decoded).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => seen(span, attributesOf(resource.attributes)))),
  );
}

function seen(span: DecodedSpan, resource: Record<string, unknown>): SeenSpan {
  const nanoseconds = BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano);
  return {
    name: span.name,
    kind: span.kind,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentId: hex(span.parentSpanId),
    attributes: attributesOf(span.attributes),
    status: span.status?.code ?? 0,
    ms: Number(nanoseconds) / 1e6,
    resource,
  };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function attributesOf(pairs: KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]));
}
