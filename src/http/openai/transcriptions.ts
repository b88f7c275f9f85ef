// `POST /v1/audio/transcriptions`: OpenAI's shape. Its client waits on the open request for the end of its job; nothing can be
// sent meanwhile but in a stream of events, so that for long recordings there are `stream` and `callback_url`.
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from '../../errors.ts';
import { isUnfinished, type JobRow } from '../../store/jobs.ts';
import {
  type Outline,
  readOutline,
  readSubtitles,
  readText,
  readUtterances,
} from '../../store/transcript-parts.ts';
import { type AnswerRoom, SMALL_ANSWER } from '../answer-room.ts';
import { sendAnswer } from '../idempotency.ts';
import type { Places } from '../limits.ts';
import type { Listeners } from '../listeners.ts';
import { asRefusal } from '../problem.ts';
import { createOpenaiTranscription } from '../schemas/openai.ts';
import { goneSignal, unlessAborted } from '../upload.ts';
import { type AcceptDeps, type Accepted, accept, ROUTE } from './accept.ts';
import { openaiRefusal } from './refusal.ts';
import { eventsOf, jsonOf, verboseOf } from './transcript.ts';

export type TranscriptionDeps = AcceptDeps & {
  listeners: Listeners;
  answers: AnswerRoom;
  places: Places;
  cancelJob: (accountId: string, id: string) => Promise<JobRow | undefined>;
  /** Between signs of life in a stream. */
  heartbeatMs?: number;
};

/** A request that waits: the job is its own, unless a key lets its client come back for it. */
type Waiting = Accepted & { request: FastifyRequest; reply: FastifyReply; gone: AbortSignal };

/** A timer may have no more than 24 days; nobody waits for so long. */
const LOOK_MS = 3_600_000;
/** Proxies give up on a silent answer after 60 s, most of them. */
const HEARTBEAT_MS = 15_000;

export function transcriptionRoutes(server: FastifyInstance, deps: TranscriptionDeps): void {
  const { places } = deps;
  server.post(ROUTE, { schema: createOpenaiTranscription }, async (request, reply) => {
    const gone = goneSignal(request, reply);
    const accepted = await places.during(request.account, () =>
      unlessAborted(gone, acceptFor(deps, request, gone)),
    );
    reply.header('x-ringback-transcription', accepted.id);
    const { answer, options } = accepted;
    if (options.callbackUrl !== null) return sendAnswer(reply, answer);
    if (answer.repeated) reply.header('idempotent-replayed', 'true');
    const waiting = { ...accepted, request, reply, gone };
    if (options.stream) sendEvents(deps, waiting);
    else await sendWhenEnded(deps, waiting);
    return reply;
  });
}

/** A client that left while its job was made hears of none, and nobody waits for it. */
async function acceptFor(
  deps: TranscriptionDeps,
  request: FastifyRequest,
  gone: AbortSignal,
): Promise<Accepted> {
  const accepted = await accept(deps, request, gone);
  if (gone.aborted && accepted.options.callbackUrl === null) await abandon(deps, request, accepted);
  return accepted;
}

/** Nobody reads the words of a job whose client is gone and has no key to come back with: it makes room for others. */
async function abandon(
  { cancelJob }: TranscriptionDeps,
  request: FastifyRequest,
  { id, keyed }: Pick<Accepted, 'id' | 'keyed'>,
): Promise<void> {
  if (keyed) return;
  await cancelJob(request.account, id);
  request.log.info({ job: id }, 'job cancelled: its client is gone');
}

/** Resolves when the job has ended, or its client is gone; throws `waiting_ended`. */
async function wait(deps: TranscriptionDeps, waiting: Waiting): Promise<'ended' | 'gone'> {
  const { db, listeners } = deps;
  const { request, id, gone, keyed } = waiting;
  for (;;) {
    const why = await listeners.untilEnded(id, {
      ms: LOOK_MS,
      gone,
      isUnfinished: () => isUnfinished(db, request.account, id),
    });
    if (why === 'ended') return why;
    if (why === 'time') continue;
    await abandon(deps, request, waiting);
    if (why === 'gone') return why;
    throw new HttpError('waiting_ended', {
      retryAfterSeconds: 1,
      ...(keyed && {
        message:
          'This server stops, or as many requests wait as may; the transcription goes on: send the request again under the same Idempotency-Key to get its words.',
      }),
    });
  }
}

/** The job once it has its words; throws why it has none. */
async function outlineOf({ db }: TranscriptionDeps, { request, id }: Waiting): Promise<Outline> {
  const outline = await readOutline(db, request.account, id);
  if (!outline) throw new HttpError('transcription_unknown');
  if (outline.error_code !== null)
    throw new HttpError(outline.error_code, {
      ...(outline.error_message !== null && { message: outline.error_message }),
    });
  return outline;
}

const there = <T>(part: T | undefined): T => {
  if (part === undefined) throw new HttpError('transcription_unknown');
  return part;
};

async function sendWhenEnded(deps: TranscriptionDeps, waiting: Waiting): Promise<void> {
  const { request, reply } = waiting;
  if ((await wait(deps, waiting)) === 'gone') return void reply.hijack();
  const outline = await outlineOf(deps, waiting);
  const { bytes } = outline;
  if (bytes > SMALL_ANSWER && !(await deps.answers.enter(request.account, bytes, reply.raw)))
    return void reply.hijack();
  const { type, body } = await shown(deps, waiting, outline);
  reply.type(type).send(body);
}

/** In the form that was asked for. */
async function shown(
  { db }: TranscriptionDeps,
  { request: { account }, id, options }: Waiting,
  outline: Outline,
): Promise<{ type: string; body: string | Readable }> {
  const { format } = options;
  if (format === 'srt' || format === 'vtt') {
    const type = format === 'vtt' ? 'text/vtt' : 'text/plain';
    return { type: `${type}; charset=utf-8`, body: there(await readSubtitles(db, account, id, format)) };
  }
  const text = there(await readText(db, account, id));
  switch (format) {
    case 'text':
      return { type: 'text/plain; charset=utf-8', body: `${text}\n` };
    case 'json':
      return { type: 'application/json', body: jsonOf(text, outline) };
    case 'verbose_json': {
      const utterances = await readUtterances(db, account, id);
      const pieces = verboseOf({ text, outline, utterances }, options);
      return { type: 'application/json', body: Readable.from(pieces, { objectMode: false }) };
    }
    default:
      return format satisfies never;
  }
}

function sendEvents(deps: TranscriptionDeps, waiting: Waiting): void {
  waiting.reply
    .type('text/event-stream')
    .header('cache-control', 'no-store')
    // NGINX would otherwise collect events before it passes them on.
    .header('x-accel-buffering', 'no')
    .send(Readable.from(events(deps, waiting), { objectMode: false }));
}

/** The answer has begun: what goes wrong from here on is an event, which OpenAI's clients throw as their error. */
async function* events(deps: TranscriptionDeps, waiting: Waiting): AsyncGenerator<string> {
  const { db, answers } = deps;
  const { request, reply, id, options } = waiting;
  const { account } = request;
  try {
    const why = wait(deps, waiting);
    yield* heartbeat(why, deps.heartbeatMs ?? HEARTBEAT_MS);
    if ((await why) === 'gone') return;
    const outline = await outlineOf(deps, waiting);
    if (outline.bytes > SMALL_ANSWER && !(await answers.enter(account, outline.bytes, reply.raw))) return;
    const text = there(await readText(db, account, id));
    const utterances = await readUtterances(db, account, id);
    yield* eventsOf({ text, outline, utterances }, options);
  } catch (error) {
    const refusal = asRefusal(error);
    if (!refusal) request.log.error({ err: error, path: ROUTE }, 'request failed');
    const { body } = openaiRefusal(refusal ?? new HttpError('internal_error'));
    yield `event: error\ndata: ${JSON.stringify(body)}\n\n`;
  }
}

/** Comments, which every reader of events skips, until what is waited for is there or has failed. */
async function* heartbeat(awaited: Promise<unknown>, ms: number): AsyncGenerator<string> {
  const over = awaited.then(
    () => true,
    () => true,
  );
  for (;;) {
    yield ':\n\n';
    const pause = new AbortController();
    const isOver = await Promise.race([over, setTimeout(ms, false, { signal: pause.signal })]);
    if (isOver) return pause.abort();
  }
}
