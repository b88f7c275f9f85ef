// Whether a failure says that the database is away, rather than that a statement is wrong: it comes back, and what was
// asked may be asked again. Pure.

/** Of the operating system, of pg. */
const SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
]);
/** SQLSTATE: connection exceptions, too many connections, shutdown, crash, start-up. */
const STATES = /^(?:08...|53300|57P0[123])$/;
/** pg gives these no code. */
const WORDS =
  /^(?:Connection terminated|timeout exceeded when trying to connect|The database did not answer|Client has encountered a connection error)/;

export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && (SYSTEM.has(code) || STATES.test(code))) return true;
  if (WORDS.test(error.message)) return true;
  if (error instanceof AggregateError) return error.errors.some(isUnreachable);
  return isUnreachable(error.cause);
}
