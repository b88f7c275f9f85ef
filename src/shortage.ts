// What is short on our own side. A shortage is nobody else's fault: a job that meets one goes back to the queue, an
// attempt is refunded, a request is asked to come again. Told by codes of the operating system, of Node and of
// PostgreSQL, never by the wording of a message. Pure.

/** For the log, /readyz and refusals: "Ringback is short of …". */
export const SHORT_OF = {
  descriptors: 'file descriptors',
  disk: 'disk space',
  memory: 'memory',
  processes: 'processes',
  network: 'network: its own is down, or has no port left',
  database: 'its database, which does not answer',
} as const;
export type Shortage = keyof typeof SHORT_OF;

type Options = { cause?: unknown; suspect?: boolean };

/** Thrown by our own code where it finds that something is short, before or after the system says so. */
export class ShortageError extends Error {
  readonly code = 'shortage';
  readonly shortage: Shortage;
  /**
   * The very work that met it may be what uses everything up (a process was killed for its memory while it had one file
   * in hand): such a run counts, so that it ends some day.
   */
  readonly suspect: boolean;
  constructor(shortage: Shortage, message: string, { suspect = false, ...options }: Options = {}) {
    super(message, options);
    this.name = 'ShortageError';
    this.shortage = shortage;
    this.suspect = suspect;
  }
}

const SYSTEM: Readonly<Record<string, Shortage>> = {
  EMFILE: 'descriptors',
  ENFILE: 'descriptors',
  ENOSPC: 'disk',
  EDQUOT: 'disk',
  EROFS: 'disk',
  ENOMEM: 'memory',
  ENOBUFS: 'memory',
  // Of fork and clone: as many processes as the user or the control group may have.
  EAGAIN: 'processes',
  ENETDOWN: 'network',
  /** Node: a buffer could not be had, a thread could not be started. */
  ERR_MEMORY_ALLOCATION_FAILED: 'memory',
  ERR_WORKER_INIT_FAILED: 'processes',
  ERR_ZLIB_INITIALIZATION_FAILED: 'memory',
  Z_MEM_ERROR: 'memory',
};

/**
 * SQLSTATE. 08: the connection failed. 25006: read-only, as the old primary is after a failover. 53: the server's own
 * resources. 57P: it stops, crashed, starts, or dropped us. 58: its operating system failed it.
 */
const DATABASE: readonly (readonly [pattern: RegExp, shortage: Shortage])[] = [
  [/^53100$/, 'disk'],
  [/^53200$/, 'memory'],
  [/^(?:08...|25006|53[03-9]..|57P0[1-5]|580[03]0)$/, 'database'],
];

function named(code: string): Shortage | undefined {
  return SYSTEM[code] ?? DATABASE.find(([pattern]) => pattern.test(code))?.[1];
}

/** The error that says so, or one of ours in its place: itself, a member of an AggregateError, or a cause. */
function find(error: unknown, depth: number): { shortage: Shortage; suspect: boolean } | null {
  if (depth > 5 || !(error instanceof Error)) return null;
  if (error instanceof ShortageError) return error;
  const { code } = error as { code?: unknown };
  const shortage = typeof code === 'string' ? named(code) : undefined;
  if (shortage !== undefined) return { shortage, suspect: false };
  const within = error instanceof AggregateError ? error.errors : [];
  for (const inner of [...within, error.cause]) {
    const found = find(inner, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

/** What an error says is short on our side, looking into its causes as well; null for everything else. Never throws. */
export function shortageOf(error: unknown): Shortage | null {
  return find(error, 0)?.shortage ?? null;
}

/** Whether the work at hand may itself be the cause, see {@link ShortageError.suspect}. */
export function isSuspect(error: unknown): boolean {
  return find(error, 0)?.suspect ?? false;
}
