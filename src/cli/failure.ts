// What a person reads when a command ends badly: a sentence where they can mend it, the stack where only we can. Pure.
import { RingbackError } from '../client/error.ts';
import { SettingsError } from '../settings.ts';
import { printableText } from './terminal.ts';

type Failure = Error & { code?: unknown; address?: unknown; port?: unknown; syscall?: unknown };

/** One sentence or more, without `ringback:` in front. What a server answered is in it, and must not command the terminal. */
export function sentenceOf(error: unknown): string {
  return printableText(worded(error));
}

function worded(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, message } = error as Failure;
  if (error instanceof SettingsError) return message;
  if (error instanceof RingbackError && error.status === 401)
    return `the API key was not accepted (${message}): check RINGBACK_API_KEY or --key; "ringback keys create NAME", on the server's machine, makes a new one`;
  if (typeof code !== 'string' || code === 'internal') return withCauses(error);
  return ofListening(error) ?? ofConnecting(error) ?? (isSqlState(error) ? ofDatabase(code, error) : message);
}

/** The whole chain: the first one may only say where it happened. */
function withCauses(error: Error): string {
  const { stack, message, cause } = error;
  // A database that refused is named, wherever the error was wrapped.
  if (cause instanceof Error && isSqlState(cause)) return `${message}: ${sentenceOf(cause)}`;
  return `${stack ?? message}${cause instanceof Error ? `\ncaused by ${withCauses(cause)}` : ''}`;
}

function ofListening({ code, syscall, address, port, message }: Failure): string | null {
  if (syscall !== 'listen' && syscall !== 'bind') return null;
  if (code === 'EADDRINUSE')
    return `something listens on port ${port} already: stop it, or choose another with --port (RINGBACK_PORT)`;
  if (code === 'EACCES')
    return `port ${port} may be used by root alone: choose one above 1023 with --port (RINGBACK_PORT), and put a proxy in front`;
  if (code === 'EADDRNOTAVAIL') return `${address} is no address of this machine: see --host (RINGBACK_HOST)`;
  return message;
}

/** Connections of ours that are no request to a server of Ringback go to the database alone. */
function ofConnecting({ code, syscall, address, port }: Failure): string | null {
  if (syscall === 'getaddrinfo') return 'DATABASE_URL: its host has no address (DNS): check the name';
  if (syscall !== 'connect') return null;
  const where = port === undefined ? String(address) : `${address}:${port}`;
  return code === 'ECONNREFUSED'
    ? `DATABASE_URL: nothing listens at ${where}: is PostgreSQL running there?`
    : `DATABASE_URL: ${where} cannot be reached (${code})`;
}

/** An error of PostgreSQL has its five letters and a severity (protocol: ErrorResponse). */
function isSqlState(error: Error): boolean {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof severity === 'string' && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code);
}

/** PostgreSQL, appendix A. Its own words are in English and name no secret; they are quoted. */
function ofDatabase(code: string, { message }: Error): string {
  switch (code) {
    case '28P01':
    case '28000':
      return `DATABASE_URL: the database refuses this user or password (${message})`;
    case '3D000':
      return `DATABASE_URL: ${message}: make it with createdb, or name another`;
    case '42501':
      return `the database's user lacks a right (${message}): it must be allowed to create a schema in this database`;
    case '53300':
      return `the database has no connection left (${message}): raise its max_connections, or run fewer processes`;
    case '57P03':
      return `the database is starting or stopping (${message}): try again`;
    case '25006':
      return `the database is read-only (${message}): DATABASE_URL must name the primary server`;
    case '42P01':
    case '42703':
      return `the database was made by another version of Ringback (${message}): run the same version as the server, or restart the server with this one`;
    default:
      return `the database refused (${message}, ${code}). This should not happen: please report it`;
  }
}
