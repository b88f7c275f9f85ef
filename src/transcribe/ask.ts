// One question of a download to one address, and what its answer means: a redirect, the file or the rest of it, or why not.

import { JobError } from '../errors.ts';
import type { Exchange, Head } from '../outbound/request.ts';
import { MAX_AUDIO_URL_LENGTH } from '../outbound/url.ts';
import type { FetchAudioOptions, TryEnd } from './fetch.ts';
import { type Fit, fitOf, type Held, header, placeOf, resumeHeaders } from './partial.ts';
import { Receiving } from './receiving.ts';
import { redirectTarget } from './redirect.ts';
import { badStatus, brokeOff, failed, hostOf, type Place } from './refusals.ts';
import { isPassingBody, isPassingFailure, isPassingStatus, retryAfterMs } from './retry.ts';

/** A download under way. */
export type Task = {
  readonly options: FetchAudioOptions;
  /** By performance.now(). */
  readonly deadline: number;
  /** From 1. */
  tries: number;
  held: Held | null;
  /** A host has answered before. */
  isKnown: boolean;
  /** Parts are not asked for any more: those that came were none of this file. */
  isWhole: boolean;
};

/** Connections that turn out to be stale, one after the other; after so many it is the host's doing. */
const MOST_STALE = 5;
/** Characters. The head that a redirect comes in is bounded; a byte of it may become three in the address. */
const MAX_REDIRECT_URL = 49_152;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What a host says to a range that it does not like. */
const RANGE_REFUSED: ReadonlySet<number> = new Set([400, 412, 416]);

/** A kept connection that its host was just closing says nothing of the file: it is asked for again on another. */
export async function ask(task: Task, place: Place): Promise<TryEnd | { next: string }> {
  for (let stale = 1; ; stale++) {
    const asked = task.isWhole ? {} : resumeHeaders(task.held, place.url, Date.now());
    const { exchange, receiving, fit } = await exchangeWith(task, place, asked);
    task.isKnown ||= exchange.head !== null;
    if (exchange.failure?.class !== 'stale_connection')
      return endOf(task, place, { exchange, receiving, fit, wasPart: 'range' in asked });
    if (stale === MOST_STALE)
      return failure(
        new JobError(
          'audio_unreachable',
          `${hostOf(place)} closed each connection as it was asked: try again later.`,
        ),
        { mayPass: true },
      );
  }
}

type Asked = { exchange: Exchange; receiving: Receiving; fit: Fit | null };

async function exchangeWith(
  { options, deadline, held }: Task,
  place: Place,
  asked: Record<string, string>,
): Promise<Asked> {
  const { outbound, idleMs, totalMs, version, signal } = options;
  const receiving = new Receiving(options, place);
  let fit: Fit | null = null;
  try {
    const exchange = await outbound.exchange({
      url: place.url,
      method: 'GET',
      headers: { accept: 'audio/*, video/*, */*;q=0.5', 'user-agent': `Ringback/${version}`, ...asked },
      deadlineMs: Math.max(1, deadline - performance.now()),
      connectMs: Math.min(idleMs, totalMs),
      idleMs,
      maxUrlLength: place.hop > 0 ? MAX_REDIRECT_URL : MAX_AUDIO_URL_LENGTH,
      ...(signal ? { signal } : {}),
      onHead(head) {
        if (head.status < 200 || head.status > 299) return 'stop';
        fit = fitOf(head, held, 'range' in asked);
        return fit === 'other' ? 'stop' : receiving.begin(fit);
      },
      onData: (chunk) => receiving.take(chunk),
    });
    await receiving.close();
    return { exchange, receiving, fit };
  } catch (error) {
    receiving.destroy();
    throw error;
  }
}

function endOf(
  task: Task,
  place: Place,
  { exchange, receiving, fit, wasPart }: Asked & { wasPart: boolean },
): TryEnd | { next: string } {
  const { tries } = task;
  if (receiving.refusal) throw receiving.refusal;
  if (exchange.failure)
    return failure(failed(exchange.failure, place), {
      mayPass: isPassingFailure(exchange.failure, task.isKnown),
    });
  const { head } = exchange;
  if (!head) throw new JobError('audio_unreachable', `${hostOf(place)} sent no answer.`);
  if (REDIRECTS.has(head.status)) return { next: nextOf(head, place) };
  if (fit === null || fit === 'other') {
    if (wasPart && (fit === 'other' || RANGE_REFUSED.has(head.status))) return startAnew(task, head, place);
    const asks = retryAfterMs(head, Date.now());
    return failure(badStatus(head.status, place, { retryAfterMs: asks, tries }), {
      mayPass: isPassingStatus(head.status),
      retryAfterMs: asks,
    });
  }
  const bytes = fit.from + receiving.bytes;
  task.held = { bytes, place: placeOf(place.url), head: firstHead(task, fit, head), total: fit.total };
  if (exchange.bodyFailure?.class === 'shortage') throw failed(exchange.bodyFailure, place);
  // audio_unreachable rather than audio_corrupt: the line broke, the file may be whole, and a further try can help.
  const isOver = isBodyWhole(exchange, head);
  if (isOver && (fit.total === null || bytes >= fit.total || head.status !== 206))
    return { head: task.held.head, place, bytes };
  const gained = fit.from > 0 && receiving.bytes >= leastGain(task.options, exchange.durationMs);
  return failure(brokeOff(exchange, place, { bytes, total: fit.total, tries }), {
    // Some hosts send no more than so many bytes of a file at a time.
    mayPass: isOver ? receiving.bytes > 0 : isPassingBody(exchange.bodyFailure),
    gained,
    atOnce: isOver,
  });
}

/**
 * What a try must have brought, its wait included, to be worth another row of them: a host that cuts the line every few bytes
 * would hold a place as long as one that drips.
 */
function leastGain({ minimumRate }: FetchAudioOptions, durationMs: number): number {
  return (minimumRate.bytesPerSecond * (durationMs + 1_000)) / 1_000;
}

/** What a part says of itself is less: the whole's name and coding are in the head it began with. */
function firstHead({ held }: Task, { from }: { from: number }, head: Head): Head {
  return from > 0 && held ? held.head : head;
}

/** The file has changed, or its host cannot send parts of it. */
function startAnew(task: Task, head: Head, place: Place): TryEnd {
  task.held = null;
  task.isWhole = true;
  return failure(badStatus(head.status, place, { retryAfterMs: null, tries: task.tries }), {
    mayPass: true,
    atOnce: true,
  });
}

/**
 * A host that closes right after the last byte it announced has sent everything. So has one whose headers contradict one
 * another where the last chunk came, which outranks a length, or as many bytes as one of its lengths says.
 */
function isBodyWhole({ body, bodyBytes, announced, bodyFailure }: Exchange, head: Head): boolean {
  if (body === 'complete' || bodyBytes === announced) return true;
  if (bodyFailure?.code !== 'BODY_UNCERTAIN') return false;
  if (/(?:^|,)\s*chunked\s*$/i.test(String(head.headers['transfer-encoding'] ?? ''))) return true;
  return String(head.headers['content-length'] ?? '')
    .split(',')
    .some((length) => length.trim() === String(bodyBytes));
}

function nextOf(head: Head, place: Place): string {
  const location = header(head, 'location');
  const next = location === null ? null : redirectTarget(location, place.url);
  if (next !== null) return next;
  throw new JobError(
    'audio_http_error',
    `${hostOf(place)} answered ${head.status} without a valid Location: give the final URL.`,
  );
}

function failure(error: Error, more: Partial<Extract<TryEnd, { error: Error }>>): TryEnd {
  return { error, mayPass: false, retryAfterMs: null, gained: false, atOnce: false, ...more };
}
