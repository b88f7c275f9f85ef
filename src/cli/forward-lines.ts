// How forwarded requests are printed: a line each, with `--verbose` what was said, with `--json` as JSON.
import type { InboxRequest } from '../client/client.ts';
import { eventOf, readable, textOf } from './body-text.ts';
import type { Exchange } from './forward.ts';
import { clock, printableJson, printableText, tint, tintStatus } from './terminal.ts';

export type LineFlags = { json?: true; verbose?: true };

const headerOf = (headers: InboxRequest['headers'], name: string): string | undefined =>
  headers.find(([one]) => one?.toLowerCase() === name)?.[1];

type Said = { event: string | null; transcription: string | null; id: string | null };

function saidBy({ headers }: InboxRequest, body: Buffer): Said {
  const { event, id } = eventOf(textOf(body, headerOf(headers, 'content-encoding')));
  return { event, transcription: id, id: headerOf(headers, 'webhook-id') ?? id };
}

/** Of one that this program has answered. */
export function exchangeLine(exchange: Exchange, flags: LineFlags, now: Date): string {
  const { request, body, local, lost } = exchange;
  const said = saidBy(request, body);
  const notes = [
    local.trouble,
    lost,
    request.signature === 'invalid' ? 'its signature is INVALID' : null,
  ].filter((note) => note !== null);
  if (flags.json)
    return printableJson({
      ...jsonOf(request, said),
      status: local.answer.status,
      ms: Math.round(local.ms),
      given_back: lost === null,
      error: notes.length > 0 ? notes.join('; ') : null,
      ...(flags.verbose && {
        headers: request.headers,
        body_base64: body.toString('base64'),
        answer: { headers: local.answer.headers, body_base64: local.answer.body.toString('base64') },
      }),
    });
  const line = [
    ...beginning(request, said, now),
    tintStatus(local.answer.status),
    `${Math.round(local.ms)} ms`,
    ...notes.map((note) => tint('yellow', printableText(note))),
  ].join('  ');
  return flags.verbose ? [line, '', ...verbose(exchange), ''].join('\n') : line;
}

/** Of one that the server answered by itself. */
export function answeredLine(request: InboxRequest, flags: LineFlags, now: Date): string {
  const body = request.body && ('text' in request.body ? Buffer.from(request.body.text) : null);
  const said = saidBy(request, body ?? Buffer.of());
  const status = request.answer?.status ?? null;
  const note = noteOf(request);
  if (flags.json)
    return printableJson({ ...jsonOf(request, said), status, ms: null, given_back: false, error: note });
  return [
    ...beginning(request, said, now),
    status === null ? '-' : tintStatus(status),
    tint('yellow', note),
  ].join('  ');
}

function noteOf({ state, answered_by }: InboxRequest): string {
  if (state === 'left') return 'its sender did not wait for an answer: it was not forwarded';
  if (answered_by === 'forwarder') return 'answered by another forwarder';
  return 'answered by the inbox: it was not forwarded';
}

function beginning({ method, query }: InboxRequest, { event, id }: Said, now: Date): string[] {
  return [
    tint('dim', clock(now)),
    printableText(event ?? `${method}${query}`).slice(0, 60),
    printableText(id ?? '-').slice(0, 80),
  ];
}

function jsonOf(request: InboxRequest, { event, id, transcription }: Said) {
  const { number, received_at, method, query, bytes, signature } = request;
  const attempt = Number(headerOf(request.headers, 'ringback-attempt'));
  return {
    number,
    received_at,
    method,
    query,
    bytes,
    event,
    id,
    transcription_id: transcription,
    attempt: Number.isInteger(attempt) ? attempt : null,
    signature,
  };
}

function verbose({ request, body, local }: Exchange): string[] {
  const { answer } = local;
  const headers = (pairs: readonly (readonly string[])[]) =>
    pairs.map(([name = '', value = '']) => printableText(`${name}: ${value}`));
  const indent = (lines: string[]) => lines.flatMap((one) => one.split('\n')).map((one) => `  ${one}`);
  return [
    ...indent([
      printableText(`${request.method} ${request.query}`).trimEnd(),
      ...headers(request.headers),
      '',
      readable(body, headerOf(request.headers, 'content-encoding')),
    ]),
    '',
    ...indent([
      tintStatus(answer.status),
      ...headers(Object.entries(answer.headers)),
      '',
      readable(answer.body, answer.headers['content-encoding']),
    ]),
  ];
}
