// Names to addresses, shared by all who ask at the same time and each within its own time. Never judges an address; whoever
// connects does. How a name is asked for is query.ts.
import { shortageOf } from '../shortage.ts';
import { OutboundError } from './failure.ts';
import { createQuery, type Query } from './query.ts';
import { rowOf } from './sentences.ts';

export { createQuery, type Query } from './query.ts';

/**
 * All addresses there are, IPv4 first, then IPv6; never none. Throws {@link OutboundError}: `dns` where it
 * is the name's fault, `network` where it is our own DNS server's.
 */
export type Resolve = (host: string, waitMs?: number) => Promise<readonly string[]>;

export type ResolveOptions = {
  query?: Query;
  /** Milliseconds that whoever does not say otherwise waits. */
  timeoutMs?: number;
  maxEntries?: number;
  /** Milliseconds; a shorter TTL wins. Short, so a receiver that moves is followed within seconds. */
  maxTtlMs?: number;
  negativeTtlMs?: number;
  /** Monotonic milliseconds. */
  now?: () => number;
};

type Question = {
  /** What it came to is good until then; infinite while it is open. */
  until: number;
  /** The last of those who wait gives up then, and the question with them. */
  wantedUntil: number;
  /** Whether our DNS server has said anything since it was asked, to this question or another. */
  isHeard: () => boolean;
  answer: Promise<readonly string[]>;
};

/** Answers are shared by everybody who asks meanwhile, and kept for seconds; failures for one second. */
export function createResolve(options: ResolveOptions = {}): Resolve {
  const {
    query = createQuery(),
    timeoutMs = 30_000,
    maxEntries = 1_000,
    maxTtlMs = 5_000,
    negativeTtlMs = 1_000,
    now = () => performance.now(),
  } = options;
  const questions = new Map<string, Question>();
  let timesHeard = 0;
  const heard = () => {
    timesHeard++;
  };

  const ask = (host: string, waitMs: number): Question => {
    const before = timesHeard;
    const question: Question = {
      until: Number.POSITIVE_INFINITY,
      wantedUntil: performance.now() + waitMs,
      isHeard: () => timesHeard > before,
      answer: Promise.resolve([]),
    };
    question.answer = askWhileWanted(question, (signal) => query(host, signal, heard)).then(
      (answer) => {
        question.until = now() + Math.min(answer.ttlSeconds * 1_000, maxTtlMs);
        return answer.addresses;
      },
      (error: unknown) => {
        question.until = now() + negativeTtlMs;
        throw error;
      },
    );
    // Whoever waits hears of it from `within`, which may have given up before.
    question.answer.catch(() => {});
    questions.delete(host);
    questions.set(host, question);
    if (questions.size > maxEntries) {
      const oldest = questions.keys().next().value;
      if (oldest !== undefined) questions.delete(oldest);
    }
    return question;
  };

  return (host, waitMs = timeoutMs) => {
    const known = questions.get(host);
    if (known && known.until > now()) {
      if (known.until !== Number.POSITIVE_INFINITY) return known.answer;
      known.wantedUntil = Math.max(known.wantedUntil, performance.now() + waitMs);
      return within(known, waitMs);
    }
    return within(ask(host, waitMs), waitMs);
  };
}

/** The question goes on for as long as somebody waits for it, also for those who came later and wait longer. */
async function askWhileWanted(
  question: Question,
  query: (signal: AbortSignal) => ReturnType<Query>,
): ReturnType<Query> {
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const unwanted = new Promise<never>((_resolve, reject) => {
    const look = () => {
      const left = question.wantedUntil - performance.now();
      if (left > 0) timer = setTimeout(look, left + 1);
      else {
        reject(late(question));
        stop.abort();
      }
    };
    look();
  });
  try {
    const answer = await Promise.race([query(stop.signal), unwanted]);
    if (answer.addresses.length === 0) throw dnsError('ENODATA');
    return answer;
  } catch (error) {
    if (error instanceof OutboundError || shortageOf(error) !== null) throw error;
    throw dnsError((error as { code?: string }).code ?? 'EUNKNOWN', error);
  } finally {
    clearTimeout(timer);
  }
}

/** What one of those who wait is told, at the end of its own time at the latest. */
function within(question: Question, waitMs: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late(question)), waitMs);
    question.answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** A DNS server that answers others is not to blame for the silence about this name; one that says nothing at all is ours. */
function late(question: Question): OutboundError {
  return dnsError(question.isHeard() ? 'ETIMEOUT' : 'OURS_SILENT');
}

function dnsError(code: string, cause: unknown = { code }): OutboundError {
  const row = rowOf(code, 'dns');
  return new OutboundError(
    row?.class ?? 'network',
    row?.sentence ?? `The DNS server that this server asks could not resolve the host name (${code}).`,
    { cause },
  );
}
