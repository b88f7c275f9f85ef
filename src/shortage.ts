// What is short on our own side. A shortage is nobody else's fault: a job that meets one goes back to the queue, an
// attempt is refunded, a request is asked to come again. Told by codes of the operating system, of Node and of
// PostgreSQL, never by the wording of a message. Pure.

export const SHORTAGES = ['descriptors', 'disk', 'memory', 'processes', 'database'] as const;
export type Shortage = (typeof SHORTAGES)[number];

/** Thrown by our own code where it finds that something is short before the system says so. */
export class ShortageError extends Error {
  readonly code = 'shortage';
  readonly shortage: Shortage;
  constructor(shortage: Shortage, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ShortageError';
    this.shortage = shortage;
  }
}

/** Of the operating system. */
const SYSTEM: Readonly<Record<string, Shortage>> = {
  EMFILE: 'descriptors',
  ENFILE: 'descriptors',
  ENOSPC: 'disk',
  EDQUOT: 'disk',
  ENOMEM: 'memory',
  EAGAIN: 'processes',
};

/** What an error says is short on our side, looking into its causes as well; null for everything else. Never throws. */
export function shortageOf(error: unknown, depth = 0): Shortage | null {
  if (depth > 5 || !(error instanceof Error)) return null;
  if (error instanceof ShortageError) return error.shortage;
  const { code } = error as { code?: unknown };
  const named = typeof code === 'string' ? SYSTEM[code] : undefined;
  if (named !== undefined) return named;
  const within = error instanceof AggregateError ? error.errors : [];
  for (const inner of [...within, error.cause]) {
    const shortage = shortageOf(inner, depth + 1);
    if (shortage !== null) return shortage;
  }
  return null;
}
