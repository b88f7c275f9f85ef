// Traces for the operator's own collector, by OpenTelemetry's SDK over OTLP. Loaded only where a collector is named
// (start.ts). Must never hold up or fail what is traced: spans that cannot be sent are dropped, and the log says so.
import { DiagLogLevel, diag, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import type { SpanEnd, TraceContext, Tracing } from '../trace.ts';
import type { OtlpOptions } from './options.ts';
import { sdkLog, watched } from './watched.ts';

/** Of the time for a stop; what has not been sent by then is dropped. */
const STOP_MS = 2_000;

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
} as const;

export function otlpTracing(
  { url, headers, serviceName, sampler, ratio }: OtlpOptions,
  { version, log }: { version: string; log: Logger },
): Tracing {
  diag.setLogger(sdkLog(log), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const provider = new TracerProvider({
    // Each over the one before it: OTEL_RESOURCE_ATTRIBUTES in the middle, and a name that was told by its own setting last.
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'ringback', 'service.version': version }))
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(resourceFromAttributes(serviceName === null ? {} : { 'service.name': serviceName })),
    sampler: samplerOf(sampler, ratio),
    spanProcessors: [
      new BatchSpanProcessor({ exporter: watched(new OTLPTraceExporter({ url, headers }), url, log) }),
    ],
  });
  const tracer = provider.getTracer('ringback', version);
  return {
    start(name, { parent, kind = 'internal', attributes, at }) {
      const span = tracer.startSpan(
        name,
        { kind: KINDS[kind], ...(attributes && { attributes: attributes() }), ...(at && { startTime: at }) },
        contextOf(parent),
      );
      return {
        context: headersOf(trace.setSpan(ROOT_CONTEXT, span)),
        end({ attributes: more, error, at: endedAt }: SpanEnd = {}) {
          if (more) span.setAttributes(more());
          if (error !== undefined) {
            span.setAttribute('error.type', error);
            span.setStatus({ code: SpanStatusCode.ERROR, message: error });
          }
          span.end(endedAt);
        },
      };
    },
    async stop() {
      const { promise: late, resolve } = Promise.withResolvers<'late'>();
      const timer = setTimeout(() => resolve('late'), STOP_MS);
      const ended = await Promise.race([provider.shutdown(), late]);
      clearTimeout(timer);
      if (ended === 'late') log.warn('the last traces were not sent: the collector took too long');
    },
  };
}

const propagator = new W3CTraceContextPropagator();

function contextOf(parent: TraceContext | null) {
  if (parent === null) return ROOT_CONTEXT;
  return propagator.extract(ROOT_CONTEXT, parent, {
    get: (carrier: TraceContext, key) => carrier[key as keyof TraceContext],
    keys: (carrier: TraceContext) => Object.keys(carrier),
  });
}

function headersOf(context: ReturnType<typeof trace.setSpan>): TraceContext | null {
  const carrier: Partial<TraceContext> = {};
  propagator.inject(context, carrier, {
    set: (to: Record<string, string>, key, value) => {
      to[key] = value;
    },
  });
  return carrier.traceparent === undefined ? null : { ...carrier, traceparent: carrier.traceparent };
}

function samplerOf(name: OtlpOptions['sampler'], ratio: number): Sampler {
  const root = rootSampler(name.replace('parentbased_', ''), ratio);
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

function rootSampler(name: string, ratio: number): Sampler {
  if (name === 'always_off') return new AlwaysOffSampler();
  return name === 'traceidratio' ? new TraceIdRatioBasedSampler(ratio) : new AlwaysOnSampler();
}
