import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallbackBodyOptions, renderCallbackBody } from '../src/callback-body.ts';
import { JOB_ERRORS, type JobErrorCode } from '../src/errors.ts';

const RESULT = '{"metadata":{"audio_duration":1.50},"transcription":{"full_transcript":"Grüße \\u20ac"}}';
const base: CallbackBodyOptions = {
  id: '0c5b1f9e-57a4-4c39-8d0f-9f6d3b7e1a20',
  outcome: { event: 'success', result: Buffer.from(RESULT) },
  format: 'short',
  form: 'full',
  resultUrl: 'https://ringback.example/v2/pre-recorded/0c5b1f9e-57a4-4c39-8d0f-9f6d3b7e1a20',
};
const rendered = (options: CallbackBodyOptions) => Buffer.concat(renderCallbackBody(options)).toString();
const failure = { event: 'error', code: 'audio_unreachable', message: 'No "route".' } as const;

describe('success', () => {
  it('holds the result byte for byte', () => {
    expect(rendered(base)).toBe(`{"id":"${base.id}","event":"success","payload":${RESULT}}`);
  });
  it('custom_metadata only when it was given', () => {
    expect(rendered({ ...base, customMetadata: null })).not.toContain('custom_metadata');
    expect(JSON.parse(rendered({ ...base, customMetadata: {} }))).toHaveProperty('custom_metadata', {});
    expect(JSON.parse(rendered({ ...base, customMetadata: { order: 'A-17' } }))).toHaveProperty(
      'custom_metadata',
      { order: 'A-17' },
    );
  });
  it('in gladia format has the dotted name', () => {
    expect(rendered({ ...base, format: 'gladia' })).toBe(
      `{"id":"${base.id}","event":"transcription.success","payload":${RESULT}}`,
    );
  });
});

describe('reference form', () => {
  it('says where the result is and how large', () => {
    const body = rendered({
      ...base,
      form: 'reference',
      reason: 'payload_too_large',
      customMetadata: { a: 1 },
    });
    expect(JSON.parse(body)).toEqual({
      id: base.id,
      event: 'success',
      result_url: base.resultUrl,
      payload_bytes: Buffer.byteLength(RESULT),
      reason: 'payload_too_large',
      custom_metadata: { a: 1 },
    });
  });
  it('asked for from the start has no reason', () => {
    expect(JSON.parse(rendered({ ...base, form: 'reference' }))).not.toHaveProperty('reason');
  });
  it('of an error is the error', () => {
    const error = { ...base, outcome: failure };
    expect(rendered({ ...error, form: 'reference', reason: 'payload_too_large' })).toBe(rendered(error));
  });
});

describe('error', () => {
  it('short: the code is a string', () => {
    expect(rendered({ ...base, outcome: failure })).toBe(
      `{"id":"${base.id}","event":"error","error":{"code":"audio_unreachable","message":"No \\"route\\"."}}`,
    );
  });
  it.each(Object.entries(JOB_ERRORS))('gladia: %s is an integer from 400 to 599', (code, { integer }) => {
    const body = rendered({
      ...base,
      format: 'gladia',
      outcome: { event: 'error', code: code as JobErrorCode, message: 'm' },
    });
    expect(JSON.parse(body)).toMatchObject({
      event: 'transcription.error',
      error: { code: integer, message: 'm' },
    });
    expect(integer).toBeGreaterThanOrEqual(400);
    expect(integer).toBeLessThan(600);
  });
});

it('is always JSON that gives back what went in', () => {
  fc.assert(
    fc.property(
      fc.json(),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.string(),
      (result, customMetadata, id) => {
        const body = rendered({
          ...base,
          id,
          outcome: { event: 'success', result: Buffer.from(result) },
          customMetadata,
        });
        expect(JSON.parse(body)).toEqual(
          JSON.parse(
            JSON.stringify({
              id,
              event: 'success',
              payload: JSON.parse(result),
              custom_metadata: customMetadata,
            }),
          ),
        );
        expect(body).toContain(`"payload":${result}`);
      },
    ),
  );
});
