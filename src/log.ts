// The log: JSON lines on stdout. Secrets have no business in a log call; those below are struck out all the same.
import { type DestinationStream, type Logger, pino } from 'pino';
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

export function createLog(level: Settings['logLevel'], destination?: DestinationStream): Logger {
  const paths = SECRET.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `err["${name}"]`]);
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, redact: { paths, censor: '[redacted]' } },
    destination ?? pino.destination({ fd: 1, sync: false }),
  );
}
