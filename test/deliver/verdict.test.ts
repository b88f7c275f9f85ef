import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Judged,
  parseRetryAfter,
  SHORTAGE_WAIT_MS,
  type Verdict,
  verdict,
} from '../../src/deliver/verdict.ts';
import { FAILURE_CLASSES, type FailureClass } from '../../src/outbound/failure.ts';

const NOW = new Date('2026-11-22T09:00:00Z');
const judge = (outcome: Partial<Judged>, form: 'full' | 'reference' = 'full', packed = false) =>
  verdict({
    outcome: { status: null, errorClass: null, retryAfter: null, webhookDelivery: null, ...outcome },
    form,
    packed,
    now: NOW,
  });
const retry = (reason: string, blame = 'theirs') => ({ kind: 'retry', reason, blame });

describe('statuses', () => {
  it.each<[number, object]>([
    [200, { kind: 'delivered', disables: false }],
    [204, { kind: 'delivered', disables: false }],
    [299, { kind: 'delivered', disables: false }],
    [300, retry('redirect')],
    [301, retry('redirect')],
    [304, retry('redirect')],
    [308, retry('redirect')],
    [400, retry('status')],
    [401, retry('status')],
    [404, retry('status')],
    [408, retry('status')],
    [410, { kind: 'gone' }],
    [413, { kind: 'too_large' }],
    [429, retry('status')],
    [500, retry('status')],
    [502, retry('status')],
    [503, retry('status')],
    [504, retry('status')],
    [599, retry('status')],
    [999, retry('status')],
  ])('%i', (status, expected) => {
    expect(judge({ status })).toEqual(expected);
  });

  it('a second 413 fails', () => {
    expect(judge({ status: 413 }, 'reference')).toEqual({ kind: 'still_too_large' });
  });

  it('Retry-After counts on 429 and 503 only', () => {
    expect(judge({ status: 429, retryAfter: '120' })).toEqual({ kind: 'paused', retryAfterMs: 120_000 });
    expect(judge({ status: 503, retryAfter: 'Sun, 22 Nov 2026 09:01:00 GMT' })).toEqual({
      kind: 'paused',
      retryAfterMs: 60_000,
    });
    expect(judge({ status: 500, retryAfter: '120' })).toEqual(retry('status'));
    expect(judge({ status: 429, retryAfter: 'soon' })).toEqual(retry('status'));
  });
});

describe('webhook-delivery', () => {
  it('disable: the endpoint takes no more, delivered or not', () => {
    expect(judge({ status: 200, webhookDelivery: 'disable' })).toEqual({ kind: 'delivered', disables: true });
    expect(judge({ status: 500, webhookDelivery: 'disable' })).toEqual({ kind: 'disable' });
    expect(judge({ status: 429, retryAfter: '1', webhookDelivery: 'disable' })).toEqual({ kind: 'disable' });
  });
  it('abort-message: this message is dropped, unless it was taken', () => {
    expect(judge({ status: 422, webhookDelivery: 'abort-message' })).toEqual({ kind: 'abort' });
    expect(judge({ status: 200, webhookDelivery: 'abort-message' })).toEqual({
      kind: 'delivered',
      disables: false,
    });
  });
  it('anything else means nothing', () => {
    expect(judge({ status: 500, webhookDelivery: 'please' })).toEqual(retry('status'));
  });
});

describe('failures', () => {
  it.each(Object.entries(FAILURE_CLASSES))('%s', (errorClass, { blame }) => {
    const interrupted: Record<string, number> = { aborted: 0, shortage: SHORTAGE_WAIT_MS };
    const waitMs = interrupted[errorClass];
    expect(judge({ errorClass: errorClass as FailureClass })).toEqual(
      waitMs === undefined ? retry(errorClass, blame) : { kind: 'interrupted', waitMs },
    );
  });
});

describe('parseRetryAfter', () => {
  const DAY = 86_400_000;
  it.each<[string | null, number | null]>([
    [null, null],
    ['', null],
    ['0', 0],
    ['120', 120_000],
    [' 120 ', 120_000],
    ['1.5', 1_500],
    ['86401', DAY],
    ['9'.repeat(400), DAY],
    ['-1', null],
    ['0x10', null],
    ['120s', null],
    ['5 apples', null],
    ['Sun, 22 Nov 2026 09:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 09:00:30 +0000', 30_000],
    ['Tue, 1 Dec 2026 09:00:30 GMT', DAY],
    ['Sunday, 22-Nov-26 09:00:30 GMT', 30_000],
    ['Sun Nov 22 09:00:30 2026', 30_000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
    ['Sun Nov  1 09:00:30 2026', 0],
    ['Sun, 22 Nov 2026 08:00:00 GMT', 0],
    ['Sun, 22 Nov 2099 08:00:00 GMT', DAY],
    ['Sun, 22 Foo 2026 08:00:00 GMT', null],
    ['Sun, 22 Nov 2026 25:00:00 GMT', null],
    ['2026-11-22T09:00:30Z', null],
  ])('%j', (value, expected) => {
    expect(parseRetryAfter(value, NOW)).toBe(expected);
  });
});

it('is total: any status, class and header values give one verdict, and only 2xx is delivered', () => {
  const kinds: Record<Verdict['kind'], true> = {
    delivered: true,
    retry: true,
    paused: true,
    too_large: true,
    still_too_large: true,
    unpack: true,
    gone: true,
    disable: true,
    abort: true,
    interrupted: true,
  };
  const classes = fc.constantFrom(null, ...(Object.keys(FAILURE_CLASSES) as FailureClass[]));
  const text = fc.option(fc.oneof(fc.string(), fc.constantFrom('disable', 'abort-message', '60')));
  fc.assert(
    fc.property(
      fc.option(fc.integer({ min: 0, max: 999 })),
      classes,
      text,
      text,
      fc.constantFrom('full' as const, 'reference' as const),
      (status, errorClass, retryAfter, webhookDelivery, form) => {
        const result = judge({ status, errorClass, retryAfter, webhookDelivery }, form);
        expect(kinds[result.kind]).toBe(true);
        expect(result.kind === 'delivered').toBe(status !== null && status >= 200 && status <= 299);
      },
    ),
    { numRuns: 2_000 },
  );
});

it('every status from 100 to 999, in both forms, with and without Retry-After: one verdict, by the table', () => {
  for (let status = 100; status <= 999; status++)
    for (const form of ['full', 'reference'] as const)
      for (const retryAfter of [null, '60']) {
        const { kind } = judge({ status, retryAfter }, form);
        const patient = retryAfter !== null && (status === 429 || status === 503);
        const special: Record<number, string> = {
          410: 'gone',
          413: form === 'full' ? 'too_large' : 'still_too_large',
        };
        const expected =
          status >= 200 && status < 300 ? 'delivered' : (special[status] ?? (patient ? 'paused' : 'retry'));
        expect(kind, `${status} ${form} ${retryAfter}`).toBe(expected);
      }
});
