/** Owns the errors with which the embedded PostgreSQL refuses to start. Each message names the cure. */

export type EmbeddedErrorCode =
  /** No PostgreSQL binaries for this machine, or they do not run. */
  | 'embedded_binaries'
  /** Another running Ringback holds the folder. */
  | 'embedded_in_use'
  /** The folder belongs to another OS account, or no account can be found that PostgreSQL may run as. */
  | 'embedded_permission'
  /** The folder was made by another major version of PostgreSQL, or is not a cluster at all. */
  | 'embedded_version'
  /** The stored password does not open the database. */
  | 'embedded_password'
  /** initdb or postgres failed; the message ends with the tail of what it printed. */
  | 'embedded_start';

export class EmbeddedError extends Error {
  readonly code: EmbeddedErrorCode;

  constructor(code: EmbeddedErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'EmbeddedError';
    this.code = code;
  }
}

/** The `code` of a Node system error (`ENOENT`, `EACCES` …), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
