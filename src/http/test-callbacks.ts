// `POST /api/callbacks/test`: a sample callback, which goes the way of every other from here on.
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { renderCallbackBody } from '../callback-body.ts';
import { readCallbackHeaders } from '../callback-headers.ts';
import type { CallbackFormat } from '../delivery.ts';
import { HttpError } from '../errors.ts';
import { sampleOutcome } from '../sample-callback.ts';
import type { TellingDb } from '../store/database.ts';
import { findDelivery, openDelivery } from '../store/deliveries.ts';
import { inboxNamed } from '../store/inboxes.ts';
import { renderRecordBody } from '../store/record-body.ts';
import type { JudgeUrl } from './job-request.ts';
import { isUuid } from './params.ts';
import { sampleRow } from './sample-row.ts';
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
    const { url, headers } = await targetOf(deps, request.account, asked);
    const delivery = {
      ...bodiesOf(deps, { ...asked, ...(custom_metadata && { custom_metadata }) }),
      accountId: request.account,
      url,
      headers,
      method: asked.method ?? 'POST',
      event: asked.event,
      form: asked.payload ?? 'full',
      gzip: asked.compression === 'gzip',
      waitMs: 0,
      test: true,
      trace: request.trace,
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
  { url, inbox, headers }: schemas.TestCallbackRequest,
) {
  const read = (given: string) =>
    readCallbackHeaders({ url: given, headers }, { field: 'url', inside: 'headers' });
  const refuse = (sentences: string[]) => new HttpError('request_invalid', { sentences });
  if ((url === undefined) === (inbox === undefined))
    throw refuse(['url or inbox is required, one of them: where the callback is to go']);
  if (url !== undefined) {
    const target = read(url);
    const trouble = judge.callback(target.url);
    if (trouble !== null) target.problems.unshift(`url must be a URL address: ${trouble}`);
    if (target.problems.length > 0) throw refuse(target.problems);
    return target;
  }
  if (!inboxes) throw new HttpError('inboxes_off');
  const named = inbox ?? '';
  const row = await inboxNamed(db, account, { name: named, ...(isUuid(named) && { id: named }) });
  if (!row) throw new HttpError('inbox_unknown');
  const target = read(inboxAddress(row, publicUrl()));
  if (target.problems.length > 0) throw refuse(target.problems);
  return target;
}

function bodiesOf(
  { callback, publicUrl }: TestCallbackDeps,
  { event, payload, custom_metadata, format = callback.format }: schemas.TestCallbackRequest,
) {
  const id = randomUUID();
  const outcome = sampleOutcome(event);
  const customMetadata = { ...custom_metadata, ringback_test: true };
  const render = (form: 'full' | 'reference') => {
    const told = {
      id,
      outcome,
      form,
      resultUrl: `${publicUrl()}/v2/pre-recorded/${id}`,
      ...(payload !== 'reference' && { reason: 'payload_too_large' as const }),
    };
    return Buffer.concat(
      format === 'record'
        ? renderRecordBody({ ...told, row: sampleRow(id, outcome, customMetadata) })
        : renderCallbackBody({ ...told, format, customMetadata }),
    );
  };
  return { jobId: id, fullBody: render('full'), referenceBody: render('reference') };
}
