import type { Claimed, Recorded } from '../../src/store/leases.ts';

type Begun = Pick<Claimed, 'endpointId' | 'token' | 'id' | 'attempt' | 'trigger' | 'form'>;

/** What is recorded of an attempt that was answered with 200; `next` as if it had meant something else. */
export function recorded(claimed: Begun, next: Partial<Recorded['next']> = {}): Recorded {
  return {
    endpointId: claimed.endpointId,
    token: claimed.token,
    deliveryId: claimed.id,
    attempt: {
      number: claimed.attempt,
      trigger: claimed.trigger,
      form: claimed.form,
      startedAt: new Date(),
      durationMs: 12.4,
      address: '203.0.113.7',
      phases: { dns: 1 },
      status: 200,
      location: null,
      answerHead: Buffer.from('ok'),
      answerBytes: 2,
      answerTruncated: false,
      outcome: 'delivered',
      errorClass: null,
      errorMessage: null,
    },
    next: {
      state: 'delivered',
      form: 'full',
      waitMs: null,
      refund: false,
      gzip: true,
      reason: null,
      ...next,
    },
  };
}
