// The log: JSON lines on stdout, or lines for a person where that is a terminal. Secrets have no business in a log call; those below are struck out all the same.
import { type DestinationStream, type Logger, pino } from 'pino';
import { prettyLines } from './pretty-log.ts';
import type { Settings } from './settings.ts';

const SECRET = [
  'authorization',
  'x-gladia-key',
  'key',
  'secret',
  'password',
  'connectionString',
  'databaseUrl',
];

type Plain = { type: string; message: string; code?: string; stack?: string; cause?: Plain | string };

/** What tells the fault, and no more: database errors carry their whole client with them. */
function plainError(error: unknown, depth = 0): Plain | string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' && { code }),
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(error.cause !== undefined && depth < 5 && { cause: plainError(error.cause, depth + 1) }),
  };
}

/** Where lines go as the setting says, or, unset, as the terminal does. */
export function logDestination(format: Settings['logFormat']): DestinationStream {
  const { isTTY } = process.stdout;
  if ((format ?? (isTTY ? 'pretty' : 'json')) === 'json') return pino.destination({ fd: 1, sync: false });
  const readable = prettyLines(isTTY && !process.env.NO_COLOR);
  return { write: (line) => process.stdout.write(readable(line)) };
}

export function createLog(
  level: Settings['logLevel'],
  destination: DestinationStream = logDestination('json'),
): Logger {
  const paths = SECRET.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `err["${name}"]`]);
  return pino(
    {
      level,
      base: null,
      serializers: { err: (error) => plainError(error) },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths, censor: '[redacted]' },
    },
    destination,
  );
}
