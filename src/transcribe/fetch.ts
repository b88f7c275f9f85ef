// Brings the audio of an `audio_url` to a file: streamed, within limits, through the same guard as callbacks. Redirects are
// followed here (object stores and CDNs redirect), each hop judged like the first. Throws only JobError, apart from
// errors of the local disk and other shortages of our own.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { JobError } from '../errors.ts';
import type { Failure } from '../outbound/failure.ts';
import type { Exchange, Head, Outbound, Step } from '../outbound/request.ts';
import { ShortageError } from '../shortage.ts';
import { formatBytes } from '../units.ts';
import { type MinimumRate, Pace } from './slow-host.ts';

export type FetchAudioOptions = {
  outbound: Outbound;
  url: string;
  /** The file to write; replaced when it exists, left behind (partial) on failure for the caller to remove. */
  path: string;
  maxBytes: number;
  /** Milliseconds for the whole download, all hops. */
  totalMs: number;
  /** Milliseconds without a byte. */
  idleMs: number;
  /** Below it the download is given up. */
  minimumRate: MinimumRate;
  version: string;
  signal?: AbortSignal;
  /** Bytes so far, and how many there will be when the host said. */
  onProgress?: (bytes: number, total: number | null) => void;
};

export type FetchedAudio = {
  bytes: number;
  /** From content-disposition or the URL, without folders; `audio` when neither gives one. */
  filename: string;
  /** Without parameters, lower case; null when the host gave none. */
  contentType: string | null;
};

const MAX_REDIRECTS = 5;
/** Connections that turn out to be stale, one after the other; after so many it is the host's doing. */
const MOST_STALE = 5;
/** Signed URLs of object stores, as they come in redirects, are long. */
const MAX_REDIRECT_URL = 8_192;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export async function fetchAudio(options: FetchAudioOptions): Promise<FetchedAudio> {
  const deadline = performance.now() + options.totalMs;
  let url = options.url;
  for (let hop = 0; ; hop++) {
    const result = await downloadFresh(url, hop, deadline, options);
    if ('bytes' in result) return result;
    if (hop === MAX_REDIRECTS)
      throw new JobError(
        'audio_http_error',
        `The audio host redirected more than ${MAX_REDIRECTS} times: give the final URL.`,
      );
    url = result.next;
  }
}

type Downloaded = FetchedAudio | { next: string };

/** A kept connection that its host was just closing says nothing of the file: it is asked for again on another. */
async function downloadFresh(
  url: string,
  hop: number,
  deadline: number,
  options: FetchAudioOptions,
): Promise<Downloaded> {
  for (let tries = 1; ; tries++) {
    const result = await download(url, hop, deadline, options);
    if (result !== 'stale') return result;
    if (tries === MOST_STALE)
      throw new JobError(
        'audio_unreachable',
        'The audio host closed each connection as it was asked: try again later.',
      );
  }
}

async function download(
  url: string,
  hop: number,
  deadline: number,
  options: FetchAudioOptions,
): Promise<Downloaded | 'stale'> {
  const { maxBytes, path, minimumRate, onProgress } = options;
  const tooLarge = () =>
    new JobError(
      'audio_too_large',
      `The audio is larger than ${formatBytes(maxBytes)}: send a smaller or more compressed file.`,
    );
  let refusal: JobError | null = null;
  let announced: number | null = null;
  let pace: Pace | null = null;
  const file = createWriteStream(path);
  // Reported where it is awaited; without a listener it would end the process first.
  file.on('error', () => {});
  const stop = (error: JobError): Step => {
    refusal = error;
    return 'stop';
  };

  /** A disk slower than the network holds the network back, so memory does not grow with the file. */
  const whenDrained = async (): Promise<Step> => {
    const from = performance.now();
    await once(file, 'drain');
    pace?.excuse(performance.now() - from);
    return 'read';
  };

  let exchange: Exchange;
  try {
    exchange = await options.outbound.exchange({
      url,
      method: 'GET',
      headers: { accept: 'audio/*, video/*, */*;q=0.5', 'user-agent': `Ringback/${options.version}` },
      deadlineMs: Math.max(1, deadline - performance.now()),
      connectMs: Math.min(options.idleMs, options.totalMs),
      idleMs: options.idleMs,
      ...(hop > 0 ? { maxUrlLength: MAX_REDIRECT_URL } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
      onHead(head) {
        if (head.status < 200 || head.status > 299) return 'stop';
        const type = contentType(head);
        if (type === 'text/html' || type === 'application/xhtml+xml')
          return stop(
            new JobError(
              'audio_unsupported',
              'The audio host sent an HTML page instead of audio: give the direct link to the file, which needs no login or click.',
            ),
          );
        announced = contentLength(head);
        pace = new Pace(minimumRate, performance.now());
        return announced !== null && announced > maxBytes ? stop(tooLarge()) : 'read';
      },
      onData(chunk) {
        const bytes = file.bytesWritten + file.writableLength + chunk.length;
        if (bytes > maxBytes) return stop(tooLarge());
        const slow = pace?.tooSlow(chunk.length, performance.now()) ?? false;
        if (slow && bytes !== announced) return stop(tooSlow(minimumRate));
        const room = file.write(chunk);
        onProgress?.(file.bytesWritten + file.writableLength, announced);
        if (file.errored) throw file.errored;
        return room ? 'read' : whenDrained();
      },
    });
  } catch (error) {
    file.destroy();
    throw error;
  }
  file.end();
  await finished(file);

  if (refusal) throw refusal;
  if (exchange.failure?.class === 'stale_connection') return 'stale';
  if (exchange.failure) throw failed(exchange.failure, hop);
  const { head } = exchange;
  if (!head) throw new JobError('audio_unreachable', 'The audio host sent no answer.');
  if (REDIRECTS.has(head.status)) {
    const location = header(head, 'location');
    if (location === null || !URL.canParse(location, url))
      throw new JobError(
        'audio_http_error',
        `The audio host answered ${head.status} without a valid Location: give the final URL.`,
      );
    return { next: new URL(location, url).href };
  }
  if (head.status < 200 || head.status > 299)
    throw new JobError('audio_http_error', statusSentence(head.status));
  if (exchange.bodyFailure?.class === 'shortage') throw failed(exchange.bodyFailure, hop);
  // audio_unreachable rather than audio_corrupt: the line broke, the file may be whole, and a second try can help.
  // A host that closes right after the last byte it announced has sent everything.
  if (exchange.body !== 'complete' && exchange.bodyBytes !== exchange.announced) {
    const aborted = exchange.bodyFailure?.class === 'aborted';
    const total = announced === null ? '' : ` of ${announced}`;
    const why =
      exchange.bodyFailure?.class === 'timeout'
        ? ', then the time ran out'
        : exchange.bodyFailure?.code === 'BODY_UNCERTAIN'
          ? '; its headers contradict one another about its length'
          : '';
    throw new JobError(
      'audio_unreachable',
      aborted
        ? 'The download was interrupted because this server is stopping.'
        : `The download broke off after ${exchange.bodyBytes}${total} bytes${why}: try again, or upload the file.`,
    );
  }
  if (exchange.bodyBytes === 0)
    throw new JobError('audio_empty', 'The audio host sent an empty file: check the link.');
  return { bytes: exchange.bodyBytes, filename: filenameOf(head, url), contentType: contentType(head) };
}

function tooSlow({ bytesPerSecond, windowMs }: MinimumRate): JobError {
  return new JobError(
    'audio_unreachable',
    `The audio host sent less than ${formatBytes(bytesPerSecond)} a second over ${windowMs / 1_000} s, and the download was given up: put the file on a quicker host, or upload it.`,
  );
}

function failed(failure: Failure, hop: number): Error {
  if (failure.class === 'shortage')
    return new ShortageError(failure.shortage ?? 'descriptors', failure.message, { cause: failure });
  const cause = { cause: new Error(`${failure.class} ${failure.code ?? ''} ${failure.detail ?? ''}`) };
  if (failure.class === 'blocked_address')
    return new JobError(
      'audio_blocked_address',
      `audio_url${hop > 0 ? ' leads, by a redirect, to a place that is not called' : ''}: ${failure.message}`,
      cause,
    );
  return new JobError('audio_unreachable', `The audio could not be fetched. ${failure.message}`, cause);
}

function statusSentence(status: number): string {
  const known: Record<number, string> = {
    401: 'it wants a login: give a link that needs none, such as a signed URL',
    403: 'it does not let us have the file: check that the link is public or its signature has not expired',
    404: 'the file is not there: check the link',
    410: 'the file is gone',
    429: 'it is getting too many requests: try again later',
  };
  const cure =
    known[status] ?? (status >= 500 ? 'it failed: try again later' : 'give a direct link to the file');
  return `The audio host answered ${status}: ${cure}.`;
}

/** A display name, never a path: the file on disk is named by us. */
function filenameOf(head: Head, url: string): string {
  const disposition = header(head, 'content-disposition') ?? '';
  const extended = /filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(disposition)?.[1];
  const plain = /filename\s*=\s*(?:"([^"]*)"|([^;\s]+))/i.exec(disposition);
  const candidates = [
    extended === undefined ? undefined : decoded(extended),
    plain?.[1] ?? plain?.[2],
    decoded(new URL(url).pathname),
  ];
  for (const candidate of candidates) {
    const name = candidate
      ?.split(/[/\\]/)
      .at(-1)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here.
      ?.replace(/[\u0000-\u001f\u007f]/g, '')
      .trim()
      .slice(0, 255);
    if (name && name !== '.' && name !== '..') return name;
  }
  return 'audio';
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function contentType(head: Head): string | null {
  return header(head, 'content-type')?.split(';')[0]?.trim().toLowerCase() || null;
}

function contentLength(head: Head): number | null {
  const text = header(head, 'content-length');
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function header(head: Head, name: string): string | null {
  const value = head.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
