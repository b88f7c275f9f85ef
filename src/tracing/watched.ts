// An exporter that says in the log when spans cannot be sent, once, and when they can be again. Without it they would be
// dropped in silence.
import { ExportResultCode } from '@opentelemetry/core';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import { maskedUrl } from '../mask.ts';

export function watched(exporter: SpanExporter, url: string, log: Logger): SpanExporter {
  const collector = maskedUrl(url);
  let failing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const failed = result.code !== ExportResultCode.SUCCESS;
        if (failed && !failing)
          log.warn(
            { collector, reason: reasonOf(result.error), spans: spans.length },
            'traces cannot be sent: their spans are dropped until the collector takes them; nothing else is affected',
          );
        if (!failed && failing) log.info({ collector }, 'traces are sent again');
        failing = failed;
        // A failure handed on would be reported to OpenTelemetry's global handler, which prints it in a form of its own.
        done({ code: ExportResultCode.SUCCESS });
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

/** A collector's answer may be a page: its first line tells enough. */
function reasonOf(error: Error | undefined): string {
  const { message = '', code } = (error ?? {}) as { message?: string; code?: unknown };
  const [line = ''] = message.split('\n');
  return (
    [code, line.slice(0, 200)].filter((part) => part !== undefined && part !== '').join(' ') || 'refused'
  );
}
