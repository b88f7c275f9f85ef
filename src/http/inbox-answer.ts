// What an inbox may answer under this server's own origin. An answer is told by an account's owner or by a laptop that
// forwards, and a browser may be led to it: it must not run there, nor change what the origin is trusted with. Pure.
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { INBOX_LIMITS, type ToldAnswer } from '../inbox.ts';

/** Of the connection (RFC 9110, 7.6.1) and the length: ours to say, and what smuggling is made of. */
const FRAMING = [
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** What a browser would take for the word of the whole origin: the dashboard lives there. */
const ORIGIN_WIDE = [
  'alt-svc',
  'clear-site-data',
  'content-security-policy',
  'content-security-policy-report-only',
  'cross-origin-embedder-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'expect-ct',
  'link',
  'nel',
  'origin-agent-cluster',
  'origin-trial',
  'permissions-policy',
  'public-key-pins',
  'refresh',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'set-cookie',
  'set-cookie2',
  'sourcemap',
  'speculation-rules',
  'strict-transport-security',
  'www-authenticate',
  'x-content-type-options',
  'x-frame-options',
  'x-sourcemap',
];

const NEVER: ReadonlySet<string> = new Set([...FRAMING, ...ORIGIN_WIDE]);

/** Those a browser shows, saves or hands to a script, and never runs. */
const INERT =
  /^(?:application\/(?:json|[\w.+-]+\+json|x-ndjson|octet-stream)|text\/(?:plain|csv)|image\/(?:png|jpeg|gif|webp)|audio\/[\w.+-]+)\s*(?:;|$)/i;

/** With every answer. `sandbox` gives a page an origin of its own and no scripts, should one come through after all. */
const GUARD = {
  'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
} as const;

/** Why these headers cannot be told, one sentence each, beginning with their path. */
export function headerProblems(headers: Readonly<Record<string, string>>, path: string): string[] {
  const problems = malformed(headers, path);
  for (const name of Object.keys(headers))
    if (NEVER.has(name.toLowerCase()))
      problems.push(
        `${path} must not have ${name.toLowerCase()}: an inbox does not send it, as it would speak for the connection or for this whole server`,
      );
  return problems;
}

/** The same for headers that a forwarder has from somebody else: those that are never sent are left out without a word. */
export function malformed(headers: Readonly<Record<string, string>>, path: string): string[] {
  const problems: string[] = [];
  const entries = Object.entries(headers);
  if (entries.length > INBOX_LIMITS.answerHeaders)
    problems.push(`${path} must have no more than ${INBOX_LIMITS.answerHeaders} headers`);
  if (entries.join('').length > INBOX_LIMITS.answerHeaderBytes)
    problems.push(
      `${path} must be shorter than or equal to ${INBOX_LIMITS.answerHeaderBytes} characters together`,
    );
  for (const [name, value] of entries)
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      problems.push(
        `${path} must have names of HTTP tokens and values without line breaks or control characters: one has not`,
      );
      break;
    }
  return problems;
}

/** Without those that an inbox never sends. */
export function sendable(headers: Readonly<Record<string, string>>): Record<string, string> {
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(named.filter(([name]) => !NEVER.has(name)));
}

/** What is sent of them. Content that a browser would run goes as text. */
export function safeHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const sent = sendable(headers);
  const type = sent['content-type'];
  if (type !== undefined && !INERT.test(type)) sent['content-type'] = 'text/plain; charset=utf-8';
  return { ...sent, ...GUARD };
}

/** What is wrong with answers beyond their schema. */
export function answerProblems(answers: readonly ToldAnswer[]): string[] {
  return answers.flatMap(({ headers = {}, action = 'answer', ...answer }, index) => {
    const path = answers.length === 1 ? 'answer' : `answer.${index}`;
    const told = answer.status !== undefined || answer.body !== undefined;
    return [
      ...headerProblems(headers, `${path}.headers`),
      ...(action !== 'answer' && told
        ? [`${path}.action must be answer where a status or a body is told: ${action} gives none`]
        : []),
    ];
  });
}
