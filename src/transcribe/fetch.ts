// Brings the audio of an `audio_url` to a file: streamed, within limits, through the same guard as callbacks. Redirects are
// followed (object stores and CDNs redirect), each hop judged like the first. What breaks off is asked for again, from where it
// ended if the host can tell that the file is still the same. Throws only JobError, apart from errors of the local disk and
// other shortages of our own.
import { writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { JobError } from '../errors.ts';
import type { Head, Outbound } from '../outbound/request.ts';
import { ask, type Task } from './ask.ts';
import { codingsOf, decodeFile, unknownCodings } from './content-coding.ts';
import { filenameOf } from './filename.ts';
import { refuseDocument } from './not-audio.ts';
import { contentType } from './partial.ts';
import { hostOf, type Place, tooLarge } from './refusals.ts';
import { MOST_TRIES, nextWait, RETRY_WAITS_MS } from './retry.ts';
import type { MinimumRate } from './slow-host.ts';

export type FetchAudioOptions = {
  outbound: Outbound;
  url: string;
  /** The file to write; replaced when it exists, left behind (partial) on failure for the caller to remove. */
  path: string;
  maxBytes: number;
  /** Milliseconds for the whole download: all hops, tries and waits. */
  totalMs: number;
  /** Milliseconds without a byte. */
  idleMs: number;
  /** Below it the download is given up. */
  minimumRate: MinimumRate;
  version: string;
  /** Milliseconds before each further try of what may pass; see retry.ts. */
  retryWaitsMs?: readonly number[];
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

export async function fetchAudio(options: FetchAudioOptions): Promise<FetchedAudio> {
  const { path, totalMs, signal, retryWaitsMs: waitsMs = RETRY_WAITS_MS } = options;
  const deadline = performance.now() + totalMs;
  const task: Task = { options, deadline, tries: 0, held: null, isKnown: false, isWhole: false };
  // There is a file from here on, whatever comes.
  await writeFile(path, '');
  let failed = 0;
  for (;;) {
    task.tries++;
    const end = await oneTry(task);
    if ('head' in end) return await finish(end, options);
    if (!end.mayPass || task.tries === MOST_TRIES) throw end.error;
    failed = end.gained ? 1 : failed + 1;
    const ms = nextWait(failed, end.retryAfterMs, { waitsMs, leftMs: deadline - performance.now() });
    if (ms === null) throw end.error;
    if (!end.atOnce) await pause(ms, signal);
  }
}

/** Of one try: the file is here, or why not. */
export type TryEnd =
  | { head: Head; place: Place; bytes: number }
  | {
      error: Error;
      mayPass: boolean;
      retryAfterMs: number | null;
      /** It brought the file on, and quickly enough. */
      gained: boolean;
      /** There is nothing to wait for: another question gets another answer. */
      atOnce: boolean;
    };

/** From the first address on each time: what redirects lead to is often signed for minutes. */
async function oneTry(task: Task): Promise<TryEnd> {
  let { url } = task.options;
  for (let hop = 0; ; hop++) {
    const end = await ask(task, { url, hop });
    if (!('next' in end)) return end;
    if (hop === MAX_REDIRECTS)
      throw new JobError(
        'audio_http_error',
        `The audio host redirected more than ${MAX_REDIRECTS} times: give the final URL.`,
      );
    url = end.next;
  }
}

/** What came as bytes is undone of codings, and looked at. */
async function finish(
  { head, place, bytes: received }: { head: Head; place: Place; bytes: number },
  { path, url: given, maxBytes, signal }: FetchAudioOptions,
): Promise<FetchedAudio> {
  const codings = codingsOf(head.headers['content-encoding']);
  const decoded = await decodeFile(path, codings, {
    maxBytes,
    tooLarge: () => tooLarge(maxBytes),
    host: hostOf(place),
    signal,
  });
  const bytes = decoded ?? received;
  if (bytes === 0) throw new JobError('audio_empty', `${hostOf(place)} sent an empty file: check the link.`);
  await refuseDocument(path, { given, url: place.url, unknownCodings: unknownCodings(codings) });
  return { bytes, filename: filenameOf(head, place.url), contentType: contentType(head) };
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await wait(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    throw new JobError('audio_unreachable', 'The download was interrupted because this server is stopping.', {
      cause: error,
    });
  }
}
