// `/api/inboxes`: an account's inboxes; what comes to them is in inbox-requests.ts, and their addresses in inbox-door.ts.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { INBOX_LIMITS, type ToldAnswer } from '../inbox.ts';
import type { TellingDb } from '../store/database.ts';
import {
  createInbox,
  deleteInbox,
  findInbox,
  type InboxFields,
  type InboxRow,
  listInboxes,
  updateInbox,
} from '../store/inboxes.ts';
import { answerProblems } from './inbox-answer.ts';
import { listed } from './page.ts';
import { isUuid } from './params.ts';
import * as schemas from './schemas/inbox.ts';
import { showInbox } from './show-inbox.ts';

export type InboxRouteDeps = {
  db: TellingDb;
  publicUrl: () => string;
};

type ById = { Params: { id: string } };

export function inboxRoutes(server: FastifyInstance, { db, publicUrl }: InboxRouteDeps): void {
  const show = (row: InboxRow) => showInbox(row, publicUrl());

  server.post('/api/inboxes', { schema: schemas.createInbox }, async (request, reply) => {
    const { name, ...fields } = request.body as schemas.InboxRequestFields;
    const { answers = [{}], forward = false, maxBytes = INBOX_LIMITS.usualBytes } = readFields(fields);
    const made = await createInbox(db, request.account, { name, answers, forward, maxBytes });
    if (made === 'name_taken') throw new HttpError('inbox_name_taken');
    if (made === 'too_many') throw new HttpError('inboxes_too_many');
    return reply.code(201).send(show(made));
  });

  server.get('/api/inboxes', { schema: schemas.listInboxes }, (request) =>
    listed(request.query, (asked) => listInboxes(db, request.account, asked), show),
  );

  server.get<ById>('/api/inboxes/:id', { schema: schemas.getInbox }, async (request) =>
    show(await theInbox(db, request.account, request.params.id)),
  );

  server.patch<ById>('/api/inboxes/:id', { schema: schemas.updateInbox }, async (request) => {
    const { id } = request.params;
    const { name, ...fields } = request.body as schemas.InboxChange;
    const change = { ...readFields(fields), ...(name !== undefined && { name }) };
    const changed = isUuid(id) ? await updateInbox(db, request.account, id, change) : undefined;
    if (changed === 'name_taken') throw new HttpError('inbox_name_taken');
    if (!changed) throw new HttpError('inbox_unknown');
    return show(changed);
  });

  server.delete<ById>('/api/inboxes/:id', { schema: schemas.deleteInbox }, async (request, reply) => {
    const id = request.params.id.toLowerCase();
    if (!isUuid(id) || !(await deleteInbox(db, request.account, id))) throw new HttpError('inbox_unknown');
    return reply.code(204).send();
  });
}

/** The account's inbox of this id; throws `inbox_unknown`. */
export async function theInbox(db: TellingDb, account: string, id: string): Promise<InboxRow> {
  const row = isUuid(id) ? await findInbox(db, account, id) : undefined;
  if (!row) throw new HttpError('inbox_unknown');
  return row;
}

function readFields(fields: Omit<schemas.InboxChange, 'name'>): Partial<InboxFields> {
  const answers = fields.answer === undefined ? undefined : ([fields.answer].flat() as ToldAnswer[]);
  const problems = answers ? answerProblems(answers) : [];
  if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
  return {
    ...(answers && { answers }),
    ...(fields.forward !== undefined && { forward: fields.forward }),
    ...(fields.max_bytes !== undefined && { maxBytes: fields.max_bytes }),
  };
}

/** Where inboxes are turned off: every route of theirs says so. */
export function inboxesOff(server: FastifyInstance): void {
  server.addHook('onRequest', async (request) => {
    if (request.routeOptions.url?.startsWith('/api/inboxes')) throw new HttpError('inboxes_off');
  });
}
