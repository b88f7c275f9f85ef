// Records traces where a collector is named. Where none is, OpenTelemetry's SDK is not even loaded: it takes half a second
// and 28 MB.
import type { Logger } from 'pino';
import { NO_TRACING, type Tracing } from '../trace.ts';
import type { OtlpOptions } from './options.ts';

export async function startTracing(
  options: OtlpOptions | null,
  { version, log }: { version: string; log: Logger },
): Promise<Tracing> {
  if (options === null) return NO_TRACING;
  const { otlpTracing } = await import('./otlp.ts');
  return otlpTracing(options, { version, log });
}
