// An exporter that says in the log when spans cannot be sent, once, and when they can be again. Without it they would be
// dropped in silence.
import type { DiagLogger } from '@opentelemetry/api';
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

/**
 * What else the SDK has to say: spans dropped because more come than are sent, variables it cannot read. Each sentence once as long as
 * it says nothing else.
 */
export function sdkLog(log: Logger): DiagLogger {
  let last = '';
  const say = (message: string) => {
    // How many they were is different each time.
    const sentence = message.replaceAll(/\d+/g, '…');
    if (sentence === last) return;
    last = sentence;
    log.warn({ detail: withoutSecrets(message) }, 'OpenTelemetry has something to say');
  };
  const nothing = () => {};
  return { error: say, warn: say, info: nothing, debug: nothing, verbose: nothing };
}

/** It repeats URLs and values of headers that it cannot use. */
function withoutSecrets(message: string): string {
  return message
    .replace(/invalid value \(.*\)/s, 'an invalid value')
    .replaceAll(/https?:\/\/[^\s'"]+/g, maskedUrl);
}

/** A collector's answer may be a page: its first line tells enough. */
function reasonOf(error: Error | undefined): string {
  const { message = '', code } = (error ?? {}) as { message?: string; code?: unknown };
  const [line = ''] = message.split('\n');
  return (
    [code, line.slice(0, 200)].filter((part) => part !== undefined && part !== '').join(' ') || 'refused'
  );
}
