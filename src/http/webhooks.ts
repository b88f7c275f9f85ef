// `/api/webhooks`: an account's standing subscriptions.
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { CallbackFormat } from '../delivery.ts';
import { HttpError } from '../errors.ts';
import type { Db, TellingDb } from '../store/database.ts';
import { findDelivery, openDelivery } from '../store/deliveries.ts';
import { listWebhookSecrets, rotateWebhookSecret } from '../store/webhook-secrets.ts';
import {
  createWebhook,
  deleteWebhook,
  findWebhook,
  listWebhooks,
  updateWebhook,
  type WebhookFields,
  type WebhookRow,
} from '../store/webhooks.ts';
import type { JudgeUrl } from './job-request.ts';
import { listed } from './page.ts';
import { isUuid } from './params.ts';
import type { Rotation } from './schemas/signing-secret.ts';
import * as schemas from './schemas/webhook.ts';
import { showDelivery } from './show-callback.ts';
import { showWebhook } from './show-webhook.ts';
import { readWebhook } from './webhook-fields.ts';
import { sampleFor } from './webhook-sample.ts';

export type WebhookDeps = {
  db: TellingDb;
  judge: { callback: JudgeUrl };
  publicUrl: () => string;
  callback: { format: CallbackFormat };
  newSecret: () => string;
};

type ById = { Params: { id: string } };

const DAY_S = 86_400;
/** Deleting ends with what it has cancelled by then; the rest is left to the sweep. */
const DELETING_MS = 20_000;

export function webhookRoutes(server: FastifyInstance, deps: WebhookDeps): void {
  const { db, judge, callback, newSecret } = deps;

  server.post('/api/webhooks', { schema: schemas.createWebhook }, async (request, reply) => {
    const fields = read(judge.callback, {
      body: request.body as schemas.NewWebhook,
      sent: request.sent as Record<string, unknown>,
      now: null,
    });
    const secret = newSecret();
    const row = await createWebhook(db, request.account, { ...usual(callback.format), ...fields }, secret);
    if (row === 'too_many') throw new HttpError('webhooks_too_many');
    return reply.code(201).send({ ...(await shown(db, row)), secret });
  });

  server.get('/api/webhooks', { schema: schemas.listWebhooks }, async (request) => {
    const secrets = new Map<string, Awaited<ReturnType<typeof secretsOf>>>();
    return listed(
      request.query,
      async (asked) => {
        const rows = await listWebhooks(db, request.account, asked);
        const found = await listWebhookSecrets(
          db,
          rows.map(({ id }) => id),
        );
        for (const [id, own] of found) secrets.set(id, own);
        return rows;
      },
      (row) => showWebhook(row, secrets.get(row.id) ?? []),
    );
  });

  server.get<ById>('/api/webhooks/:id', { schema: schemas.getWebhook }, async (request) =>
    shown(db, await theWebhook(db, request.account, request.params.id)),
  );

  server.patch<ById>('/api/webhooks/:id', { schema: schemas.updateWebhook }, async (request) => {
    const now = await theWebhook(db, request.account, request.params.id);
    const change = read(judge.callback, {
      body: request.body as schemas.WebhookChange,
      sent: request.sent as Record<string, unknown>,
      now,
    });
    const changed = await updateWebhook(db, request.account, now.id, change);
    if (!changed) throw new HttpError('webhook_unknown');
    return shown(db, changed);
  });

  server.delete<ById>('/api/webhooks/:id', { schema: schemas.deleteWebhook }, async (request, reply) => {
    const { id } = request.params;
    const untilMs = performance.now() + DELETING_MS;
    const deleted = isUuid(id) ? await deleteWebhook(db, request.account, id, untilMs) : undefined;
    if (!deleted) throw new HttpError('webhook_unknown');
    return reply.code(204).send();
  });

  testRoute(server, deps);
  rotationRoute(server, deps);
}

function testRoute(server: FastifyInstance, { db, publicUrl }: WebhookDeps): void {
  server.post<ById>('/api/webhooks/:id/test', { schema: schemas.testWebhook }, async (request, reply) => {
    const row = await theWebhook(db, request.account, request.params.id);
    const { event = row.events[0] } = (request.body ?? {}) as schemas.WebhookTest;
    if (event === undefined || !row.events.includes(event))
      throw new HttpError('request_invalid', {
        sentences: [`event must be one that this webhook hears of: ${row.events.join(', ')}`],
      });
    const sample = sampleFor(row, event, { id: randomUUID(), publicUrl: publicUrl() });
    const id = await db.commit((trx) => openDelivery(trx, sample));
    const delivery = await findDelivery(db, request.account, id);
    if (!delivery) throw new HttpError('callback_unknown');
    return reply.code(202).send({ ...showDelivery(delivery), attempts: [] });
  });
}

function rotationRoute(server: FastifyInstance, { db, newSecret }: WebhookDeps): void {
  server.post<ById>(
    '/api/webhooks/:id/secret/rotate',
    { schema: schemas.rotateWebhookSecret },
    async (request, reply) => {
      const { overlap_seconds = DAY_S } = (request.body ?? {}) as Rotation;
      const row = await theWebhook(db, request.account, request.params.id);
      const secret = newSecret();
      const which = { accountId: request.account, webhookId: row.id };
      const done = await rotateWebhookSecret(db, which, { secret, overlapMs: overlap_seconds * 1_000 });
      if (!done) throw new HttpError('webhook_unknown');
      return reply.code(201).send({ ...(await shown(db, row)), secret });
    },
  );
}

/** What is not said; `url` and `events` always are. */
const usual = (format: CallbackFormat): WebhookFields => ({
  url: '',
  events: [],
  headers: null,
  metadata: null,
  description: '',
  payload: 'notice',
  format,
  enabled: true,
});

/** Throws `request_invalid` with all that is wrong with it. */
function read(judge: JudgeUrl, asked: Parameters<typeof readWebhook>[0]): Partial<WebhookFields> {
  const { fields, problems } = readWebhook(asked, judge);
  if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
  return fields;
}

const secretsOf = async (db: Db, id: string) => (await listWebhookSecrets(db, [id])).get(id) ?? [];

async function shown(db: Db, row: WebhookRow): Promise<schemas.Webhook> {
  return showWebhook(row, await secretsOf(db, row.id));
}

async function theWebhook(db: Db, account: string, id: string): Promise<WebhookRow> {
  const row = isUuid(id) ? await findWebhook(db, account, id) : undefined;
  if (!row) throw new HttpError('webhook_unknown');
  return row;
}
