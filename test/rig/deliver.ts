// The deliver role on a fresh database, and callbacks to hand it: bodies as the program renders them, of a chosen size.
// Only time is shortened, by the schedule.
import { randomUUID } from 'node:crypto';
import { renderCallbackBody } from '../../src/callback-body.ts';
import { type DeliverDeps, startDeliver } from '../../src/deliver/start.ts';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { generateSecret } from '../../src/signature.ts';
import {
  type AttemptRow,
  type DeliveryRow,
  findDelivery,
  listAttempts,
  resend,
} from '../../src/store/deliveries.ts';
import { insertAccount } from './account.ts';
import { ANY_DELIVER } from './deliver-deps.ts';
import { openAnyDelivery } from './delivery.ts';
import { eventually } from './eventually.ts';
import { migratedDatabase } from './postgres.ts';

export type CallbackToOpen = {
  url: string;
  method?: 'POST' | 'PUT';
  /** Becomes `full_transcript`. */
  text?: string;
  /** The payload is filled up to at least this many bytes. */
  bytes?: number;
  event?: 'success' | 'error';
  /** Which of the two bodies is tried first. */
  form?: 'full' | 'reference';
  format?: 'short' | 'gladia';
  resultUrl?: string;
  /** The body travels packed. */
  gzip?: boolean;
};

export type Seen = {
  state: DeliveryRow['state'] | undefined;
  reason: string | null | undefined;
  attempts: AttemptRow[];
};

export type DeliverRig = {
  secrets: readonly string[];
  /** Commits one callback, due at once; the `webhook-id`. */
  open(callback: CallbackToOpen): Promise<string>;
  see(id: string): Promise<Seen>;
  /** Once it is delivered or failed. */
  ended(id: string, withinMs?: number): Promise<Seen>;
  resend(id: string): Promise<string>;
  /** The only endpoint there is. */
  endpoint(): Promise<{ breaker: string; failures: number }>;
  stop(): Promise<void>;
};

export async function startDeliverRig({
  secrets = [generateSecret()],
  ...options
}: Partial<DeliverDeps> & { secrets?: readonly string[] } = {}): Promise<DeliverRig> {
  const database = await migratedDatabase();
  const { db } = database;
  const outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
  const account = await insertAccount(db);
  const stopRole = await startDeliver({
    ...ANY_DELIVER,
    database,
    outbound,
    secretsOf: async () => secrets,
    schedule: [0, 1, 1],
    deadlineMs: 10_000,
    ...options,
  });
  const see = async (id: string): Promise<Seen> => {
    const row = await findDelivery(db, account, id);
    return { state: row?.state, reason: row?.reason, attempts: await listAttempts(db, [id]) };
  };
  return {
    secrets,
    open: (callback) => {
      const { full, reference, jobId } = bodiesOf(callback);
      return openAnyDelivery(db, account, callback.url, {
        jobId,
        method: callback.method ?? 'POST',
        event: callback.event ?? 'success',
        form: callback.form ?? 'full',
        gzip: callback.gzip ?? false,
        fullBody: full,
        referenceBody: reference,
      });
    },
    see,
    ended: (id, withinMs) =>
      eventually(
        () => see(id),
        ({ state }) => state === 'delivered' || state === 'failed',
        withinMs,
      ),
    endpoint: () => db.selectFrom('endpoint').select(['breaker', 'failures']).executeTakeFirstOrThrow(),
    resend: (id) => resend(db, account, id),
    async stop() {
      await stopRole();
      outbound.close();
      await database.drop();
    },
  };
}

/** The `result` object of a transcript as long as asked for. */
export function resultOf(text: string, bytes = 0): object {
  const word = { word: 'naïve', start: 1.25, end: 1.5, confidence: 0.98 };
  const words = Array.from(
    { length: Math.ceil(bytes / Buffer.byteLength(JSON.stringify(word))) },
    () => word,
  );
  return { metadata: {}, transcription: { full_transcript: text, utterances: [{ text, words }] } };
}

function bodiesOf(callback: CallbackToOpen): { jobId: string; full: Buffer; reference: Buffer } {
  const jobId = randomUUID();
  const render = (form: 'full' | 'reference') =>
    Buffer.concat(
      renderCallbackBody({
        id: jobId,
        format: callback.format ?? 'short',
        form,
        outcome:
          callback.event === 'error'
            ? {
                event: 'error',
                code: 'audio_unreachable',
                message: 'The audio could not be fetched: no route.',
              }
            : {
                event: 'success',
                result: Buffer.from(JSON.stringify(resultOf(callback.text ?? 'Ask not.', callback.bytes))),
              },
        resultUrl: callback.resultUrl ?? `http://127.0.0.1:1/v2/pre-recorded/${jobId}`,
        ...(callback.form === 'reference' ? {} : { reason: 'payload_too_large' as const }),
      }),
    );
  return { jobId, full: render('full'), reference: render('reference') };
}
