// `POST /api/callbacks/test`: a sample callback, which goes the way of every other from here on.
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { renderCallbackBody } from '../callback-body.ts';
import { HttpError } from '../errors.ts';
import { sampleOutcome } from '../sample-callback.ts';
import type { CallbackFormat } from '../settings.ts';
import type { TellingDb } from '../store/database.ts';
import { findDelivery, openDelivery } from '../store/deliveries.ts';
import { inboxNamed } from '../store/inboxes.ts';
import type { JudgeUrl } from './job-request.ts';
import { isUuid } from './params.ts';
import * as schemas from './schemas/callback.ts';
import { showDelivery } from './show-callback.ts';
import { inboxAddress } from './show-inbox.ts';

export type TestCallbackDeps = {
  db: TellingDb;
  judge: { callback: JudgeUrl };
  publicUrl: () => string;
  callback: { format: CallbackFormat };
  /** Null or absent: inboxes are turned off. */
  inboxes?: object | null;
};

export function testCallbackRoutes(server: FastifyInstance, deps: TestCallbackDeps): void {
  const { db } = deps;
  server.post('/api/callbacks/test', { schema: schemas.testCallback }, async (request, reply) => {
    const asked = { ...(request.body as schemas.TestCallbackRequest) };
    // Its numbers to the letter, as with every transcription.
    const { custom_metadata } = request.sent as schemas.TestCallbackRequest;
    const url = await targetOf(deps, request.account, asked);
    const delivery = {
      ...bodiesOf(deps, { ...asked, ...(custom_metadata && { custom_metadata }) }),
      accountId: request.account,
      url,
      method: asked.method ?? 'POST',
      event: asked.event,
      form: asked.payload ?? 'full',
      gzip: asked.compression === 'gzip',
      waitMs: 0,
      test: true,
    };
    const id = await db.commit((trx) => openDelivery(trx, delivery));
    const row = await findDelivery(db, request.account, id);
    if (!row) throw new HttpError('callback_unknown');
    return reply.code(202).send({ ...showDelivery(row), attempts: [] });
  });
}

async function targetOf(
  { db, judge, publicUrl, inboxes }: TestCallbackDeps,
  account: string,
  { url, inbox }: schemas.TestCallbackRequest,
): Promise<string> {
  if ((url === undefined) === (inbox === undefined))
    throw new HttpError('request_invalid', {
      sentences: ['url or inbox is required, one of them: where the callback is to go'],
    });
  if (url !== undefined) {
    const trouble = judge.callback(url);
    if (trouble !== null)
      throw new HttpError('request_invalid', { sentences: [`url must be a URL address: ${trouble}`] });
    return url;
  }
  if (!inboxes) throw new HttpError('inboxes_off');
  const named = inbox ?? '';
  const row = await inboxNamed(db, account, { name: named, ...(isUuid(named) && { id: named }) });
  if (!row) throw new HttpError('inbox_unknown');
  return inboxAddress(row, publicUrl());
}

function bodiesOf(
  { callback: { format }, publicUrl }: TestCallbackDeps,
  { event, payload, custom_metadata }: schemas.TestCallbackRequest,
) {
  const id = randomUUID();
  const render = (form: 'full' | 'reference') =>
    Buffer.concat(
      renderCallbackBody({
        id,
        outcome: sampleOutcome(event),
        format,
        form,
        resultUrl: `${publicUrl()}/v2/pre-recorded/${id}`,
        ...(payload !== 'reference' && { reason: 'payload_too_large' as const }),
        customMetadata: { ...custom_metadata, ringback_test: true },
      }),
    );
  return { jobId: id, fullBody: render('full'), referenceBody: render('reference') };
}
