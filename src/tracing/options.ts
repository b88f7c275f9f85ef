// Where traces go, and which: from the settings alone. Pure; loads nothing of OpenTelemetry.
import type { Settings } from '../settings.ts';

export type OtlpOptions = {
  /** Of the collector, with the path for traces. */
  url: string;
  headers: Record<string, string>;
  /** Null: as the resource attributes of the environment say. */
  serviceName: string | null;
  sampler: Settings['otelSampler'];
  /** Of the samplers that take a part of all traces. */
  ratio: number;
};

type Given = Pick<
  Settings,
  | 'otlpEndpoint'
  | 'otlpTracesEndpoint'
  | 'otlpHeaders'
  | 'otelServiceName'
  | 'otelSampler'
  | 'otelSamplerRatio'
  | 'otelDisabled'
>;

/** Null: there is no collector, or it is not to be told. */
export function otlpOptions(settings: Given): OtlpOptions | null {
  const { otlpEndpoint: base, otlpTracesEndpoint } = settings;
  // As the standard has it: the path belongs to the endpoint of all signals alone.
  const url = otlpTracesEndpoint ?? (base === null ? null : `${base.replace(/\/+$/, '')}/v1/traces`);
  if (url === null || settings.otelDisabled) return null;
  return {
    url,
    headers: settings.otlpHeaders,
    serviceName: settings.otelServiceName,
    sampler: settings.otelSampler,
    ratio: settings.otelSamplerRatio,
  };
}
