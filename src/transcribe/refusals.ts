// The sentences of downloads that fail: which host, which status, what helps. Of URLs, only hosts are told: signatures ride in
// the rest. Pure.
import { JobError } from '../errors.ts';
import type { Failure } from '../outbound/failure.ts';
import type { Exchange } from '../outbound/request.ts';
import { ShortageError } from '../shortage.ts';
import { formatBytes } from '../units.ts';
import type { MinimumRate } from './slow-host.ts';

/** `hop`: redirects so far. */
export type Place = { url: string; hop: number };

/** The host as a person knows it, with its port where that is said. */
export function hostOf({ url, hop }: Place): string {
  const host = URL.canParse(url) ? new URL(url).host : '';
  return `The audio host${host === '' ? '' : ` ${host}`}${hop > 0 ? ', where a redirect leads,' : ''}`;
}

export function tooLarge(maxBytes: number): JobError {
  return new JobError(
    'audio_too_large',
    `The audio is larger than ${formatBytes(maxBytes)}: send a smaller or more compressed file.`,
  );
}

export function tooSlow(place: Place, { bytesPerSecond, windowMs }: MinimumRate): JobError {
  return new JobError(
    'audio_unreachable',
    `${hostOf(place)} sent less than ${formatBytes(bytesPerSecond)} a second over ${windowMs / 1_000} s, and the download was given up: put the file on a quicker host, or upload it.`,
  );
}

/** Why no status came. */
export function failed(failure: Failure, { url, hop }: Place): Error {
  if (failure.class === 'shortage')
    return new ShortageError(failure.shortage ?? 'descriptors', failure.message, { cause: failure });
  const cause = { cause: new Error(`${failure.class} ${failure.code ?? ''} ${failure.detail ?? ''}`) };
  if (failure.class === 'blocked_address')
    return new JobError(
      'audio_blocked_address',
      `audio_url${hop > 0 ? ' leads, by a redirect, to a place that is not called' : ''}: ${failure.message}`,
      cause,
    );
  const host = failure.class !== 'config' && URL.canParse(url) ? ` (${new URL(url).host})` : '';
  return new JobError(
    'audio_unreachable',
    `The audio could not be fetched${host}. ${failure.message}`,
    cause,
  );
}

const CURES: Readonly<Record<number, string>> = {
  400: 'it does not take the request: check that the link is whole, with all of its signature',
  401: 'it wants a login: give a link that needs none, such as a signed URL',
  403: 'it does not let us have the file: check that the link is public or its signature has not expired',
  404: 'the file is not there: check the link',
  407: 'a proxy wants a login: give a link that needs none',
  410: 'the file is gone',
  414: 'the link is too long for it: give a shorter one',
  429: 'it is getting too many requests: try again later',
  451: 'it may not give out the file, for reasons of law',
};

/** `retryAfterMs`: how long it asks to be left alone; `tries` in which it was asked. */
export function badStatus(
  status: number,
  place: Place,
  { retryAfterMs, tries }: { retryAfterMs: number | null; tries: number },
): JobError {
  const often = tries > 1 ? `, ${tries} times` : '';
  const cure =
    CURES[status] ??
    (status >= 500 ? `it failed${often}: try again later` : 'give a direct link to the file');
  const asks = retryAfterMs === null ? '' : ` (it asks to wait ${Math.ceil(retryAfterMs / 1_000)} s)`;
  return new JobError('audio_http_error', `${hostOf(place)} answered ${status}: ${cure}${asks}.`);
}

/** A download that ended before its end, for good. `bytes` of `total` are here. */
export function brokeOff(
  exchange: Exchange,
  place: Place,
  { bytes, total, tries }: { bytes: number; total: number | null; tries: number },
): JobError {
  const failure = exchange.bodyFailure;
  if (failure?.class === 'aborted')
    return new JobError('audio_unreachable', 'The download was interrupted because this server is stopping.');
  const why =
    failure?.class === 'timeout'
      ? ', then the time ran out'
      : failure?.code === 'BODY_UNCERTAIN'
        ? '; its headers contradict one another about its length'
        : '';
  const often = tries > 1 ? `, in ${tries} tries` : '';
  return new JobError(
    'audio_unreachable',
    `The download ${URL.canParse(place.url) ? `from ${new URL(place.url).host} ` : ''}broke off after ${bytes}${total === null ? '' : ` of ${total}`} bytes${often}${why}: try again, or upload the file.`,
  );
}
