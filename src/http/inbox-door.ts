// `/inbox/{token}`: where inboxes are called. Before the routes, because an inbox takes what no route takes: any method, any
// content type, any body, as it came. Strangers call here, so all of it is bounded: bodies by their inbox's limit and in
// turns, requests under way, requests a minute, the time an answer may take.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { FastifyBaseLogger } from 'fastify';
import { HttpError } from '../errors.ts';
import { INBOX_PATH, INBOX_TOKEN } from '../inbox.ts';
import type { ShortageLog } from '../shortage-log.ts';
import { Batches } from '../store/batches.ts';
import type { TellingDb } from '../store/database.ts';
import { type InboxByToken, inboxesByToken, receive } from '../store/inbox-arrivals.ts';
import { BodyRoom } from './body-room.ts';
import { readBody, SenderLeft } from './inbox-body.ts';
import type { InboxHub } from './inbox-hub.ts';
import { InboxReply } from './inbox-reply.ts';
import { InboxTraffic } from './inbox-traffic.ts';
import { mayBeLarge } from './patience.ts';
import { asRefusal, problem } from './problem.ts';
import { newRequestId } from './raw-refusal.ts';

export type InboxDeps = {
  hub: InboxHub;
  /** Milliseconds a request waits for its forwarder. */
  waitMs: number;
  /** Whether these bytes are signed by the account; null: they carry no signature. */
  checkSignature: (
    accountId: string,
    headers: IncomingMessage['headers'],
    body: Buffer,
  ) => Promise<'valid' | 'invalid' | null>;
};

type DoorDeps = InboxDeps & {
  db: TellingDb;
  log: FastifyBaseLogger;
  shortages: ShortageLog;
  draining: () => boolean;
  requestsPerMinute: number | null;
};

/** Large bodies at a time: 200 MB at most. */
const LARGE_BODIES = { places: 8, waitMs: 10_000 };

export function inboxDoor(handle: RequestListener, deps: DoorDeps): RequestListener {
  const door = new Door(deps);
  return (request, response) => {
    const called = addressOf(request.url ?? '');
    if (called === null) return handle(request, response);
    void door.serve(request, response, called);
  };
}

type Called = { token: string; query: string };

/** Null: no inbox is meant. A proxy's request names the whole address. */
function addressOf(url: string): Called | null {
  const path = url.startsWith('/') || !URL.canParse(url) ? url : url.replace(/^[a-z]+:\/\/[^/]*/i, '');
  if (!path.startsWith(INBOX_PATH)) return null;
  const [token = ''] = path.slice(INBOX_PATH.length).split('?', 1);
  return INBOX_TOKEN.test(token) ? { token, query: path.slice(INBOX_PATH.length + token.length) } : null;
}

class Door {
  readonly #deps: DoorDeps;
  readonly #lookups: Batches<string, InboxByToken | undefined>;
  readonly #bodies = new BodyRoom(LARGE_BODIES);
  readonly #traffic: InboxTraffic;

  constructor(deps: DoorDeps) {
    this.#deps = deps;
    this.#lookups = new Batches({ run: (tokens) => inboxesByToken(deps.db, tokens), lanes: 2, most: 200 });
    this.#traffic = new InboxTraffic(deps.requestsPerMinute);
  }

  async serve(request: IncomingMessage, response: ServerResponse, called: Called): Promise<void> {
    const reply = new InboxReply(request, response, this.#deps.hub.drained);
    try {
      if (this.#deps.draining()) throw new HttpError('not_ready', { retryAfterSeconds: 5 });
      const inbox = await this.#lookups.add(called.token);
      if (!inbox) throw new HttpError('inbox_unknown');
      await this.#traffic.during(inbox.id, inbox.account_id, () => this.#take(inbox, called, reply));
    } catch (error) {
      this.#refuse(error, reply);
    }
  }

  async #take(inbox: InboxByToken, { query }: Called, reply: InboxReply): Promise<void> {
    const { db, waitMs } = this.#deps;
    const leave = await this.#room(inbox, reply);
    const received = await receive(db, inbox.id, await this.#read(inbox, query, reply), waitMs);
    leave();
    if (!received) throw new HttpError('inbox_unknown');
    await reply.give(received, { ...this.#deps, inboxId: inbox.id });
  }

  /** A place for its body, if that is large; given back by the end of the request in any case. */
  async #room(inbox: InboxByToken, { request: { headers }, response }: InboxReply): Promise<() => void> {
    const isRead = !(Number(headers['content-length']) > inbox.max_bytes);
    return mayBeLarge(headers) && isRead ? this.#bodies.enter(inbox.account_id, response) : () => {};
  }

  async #read(inbox: InboxByToken, query: string, { request }: InboxReply) {
    const { method = '', headers, rawHeaders } = request;
    const { body, bytes } = await readBody(request, inbox.max_bytes);
    const signature = body && (await this.#deps.checkSignature(inbox.account_id, headers, body));
    const pairs: [string, string][] = [];
    for (let at = 0; at < rawHeaders.length; at += 2)
      pairs.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '']);
    return { method, target: query, headers: pairs, body, bytes, signature };
  }

  #refuse(error: unknown, reply: InboxReply): void {
    const { response } = reply;
    if (error instanceof SenderLeft || response.headersSent || response.destroyed) {
      reply.cut();
      return;
    }
    const { log, shortages } = this.#deps;
    const refusal = asRefusal(error);
    if (!refusal) log.error({ err: error, path: INBOX_PATH }, 'request failed');
    else shortages.met(error, 'a request');
    // Its path holds the token.
    const about = { url: INBOX_PATH, id: newRequestId() };
    const shown = problem(refusal ?? new HttpError('internal_error'), about, new Date());
    const retryAfter = refusal?.retryAfterSeconds;
    reply.write({
      status: shown.statusCode,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
      },
      body: Buffer.from(JSON.stringify(shown)),
    });
  }
}
