// Inboxes: what they are told to answer, and their limits. Pure; the words that the store, HTTP and the commands share.

/** What became of a request: `held` and `cut` are what its inbox was told to do, `left` that its sender went first. */
export const INBOX_REQUEST_STATES = ['waiting', 'answered', 'held', 'cut', 'left'] as const;
export type InboxRequestState = (typeof INBOX_REQUEST_STATES)[number];

/** `hang` gives no answer and keeps the connection, `cut` closes it. */
export const INBOX_ACTIONS = ['answer', 'hang', 'cut'] as const;
export type InboxAction = (typeof INBOX_ACTIONS)[number];

/** An answer as its owner tells it; what is absent is 200, empty and at once. */
export type ToldAnswer = {
  status?: number;
  headers?: Record<string, string>;
  body?: string;
  delay_ms?: number;
  action?: InboxAction;
};

export const INBOX_LIMITS = {
  /** Inboxes of an account. */
  inboxes: 50,
  /** Answers of a sequence. */
  answers: 100,
  /** Bytes of a request's body: the usual limit, and the highest. */
  usualBytes: 10_000_000,
  mostBytes: 25_000_000,
  /** Requests kept of an inbox, and their bytes; and those of all inboxes of an account. */
  kept: 100,
  keptBytes: 50_000_000,
  accountBytes: 200_000_000,
  keptMs: 24 * 3_600_000,
  /** Characters of a told body, and bytes of one that a forwarder gives. */
  answerBytes: 65_536,
  answerHeaders: 50,
  answerHeaderBytes: 8_192,
  delayMs: 60_000,
  /** How long a request waits for a forwarder's answer, at most. */
  waitMs: 25_000,
  /** How long `hang` keeps a connection. */
  hangMs: 120_000,
} as const;

/** The path of every inbox, behind whatever path the server is served under. */
export const INBOX_PATH = '/inbox/';

/** 24 random bytes. */
export const INBOX_TOKEN = /^[A-Za-z0-9_-]{32}$/;

/** The one to give next, of which so many were given; the last again and again. */
export function toldAnswer(answers: readonly ToldAnswer[], given: number): ToldAnswer {
  return answers[Math.min(given, answers.length - 1)] ?? {};
}
