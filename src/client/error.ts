// What a call of the client throws: a refusal as the server worded it, or why there was no answer.
import type { HttpErrorCode } from '../errors.ts';
import type { Problem } from '../http/schemas/problem.ts';

/** A code of docs/errors.md; or that nothing, nothing in time, or nothing of Ringback's answered. */
export type Reason = HttpErrorCode | 'unreachable' | 'timeout' | 'answer_unknown';

export class RingbackError extends Error {
  readonly reason: Reason;
  /** HTTP status; null: there was no answer. */
  readonly status: number | null;
  /** What is wrong with the request, one sentence a field, each beginning with its dotted path. */
  readonly sentences: readonly string[];
  /** The server's log tells more under it. */
  readonly requestId: string | null;

  constructor(
    reason: Reason,
    message: string,
    options: { status?: number; problem?: Problem; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'RingbackError';
    this.reason = reason;
    this.status = options.status ?? null;
    this.sentences = options.problem?.validation_errors ?? [];
    this.requestId = options.problem?.request_id ?? null;
  }

  /** Errors are told apart by `code` in Node: the reason under that name. */
  get code(): Reason {
    return this.reason;
  }
}

/** The refusal that a body stands for; a body that is none of ours came from something in between. */
export function refusal(what: string, status: number, body: string): RingbackError {
  const problem = asProblem(body);
  return problem
    ? new RingbackError(problem.error.reason, problem.error.message, { status, problem })
    : notOurs(what, status);
}

export function notOurs(what: string, status: number): RingbackError {
  return new RingbackError(
    'answer_unknown',
    `${what} was answered with ${status}, not by Ringback: check the URL and what stands in between`,
    { status },
  );
}

function asProblem(body: string): Problem | undefined {
  try {
    const problem = JSON.parse(body) as Partial<Problem> | null;
    return problem?.error?.reason ? (problem as Problem) : undefined;
  } catch {
    return undefined;
  }
}
