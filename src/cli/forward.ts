// `ringback listen --forward`: an inbox's requests, one after another as they come, to a program on this machine, and its
// answers back. It goes on through lost connections and restarts of the server; a request is forwarded once, however often
// the server tells of it.
import { setTimeout as wait } from 'node:timers/promises';
import { type Client, type Inbox, type InboxRequest, RingbackError } from '../client/client.ts';
import { callLocal, forwarded, type LocalAnswer } from './local-app.ts';
import { openInbox } from './open-inbox.ts';
import { sendWaiting } from './waiting-callbacks.ts';

export type Exchange = {
  request: InboxRequest;
  body: Buffer;
  local: LocalAnswer;
  /** Whether the answer got through; null: it did, else why not. */
  lost: string | null;
};

export type ForwardOptions = {
  client: Client;
  target: URL;
  /** Of the inbox. */
  name: string;
  onInbox: (inbox: Inbox) => void;
  onExchange: (exchange: Exchange) => void;
  /** What the server answered without us. */
  onAnswered: (request: InboxRequest) => void;
  say: (sentence: string) => void;
  signal: AbortSignal;
};

/** The server says something every 5 s. */
const SILENT_MS = 20_000;
const RETRY_MS = 500;
const LONGEST_RETRY_MS = 5_000;
/** On the way back of an answer. */
const MARGIN_MS = 250;
const STOP_MS = 2_000;
/** Refusals that no waiting mends. */
const FATAL: ReadonlySet<string> = new Set([
  'key_missing',
  'key_unknown',
  'inboxes_off',
  'inboxes_too_many',
  'route_unknown',
]);

/** Until the signal; rejects with what only a person can mend. */
export async function forward(options: ForwardOptions): Promise<void> {
  await new Forwarder(options).run();
}

/** What comes would be sent to where it came. */
function refuseLoop(target: URL, { address }: Inbox): void {
  const { origin, pathname } = new URL(address);
  if (target.origin === origin && target.pathname === pathname)
    throw Object.assign(
      new Error(
        '--forward names the inbox itself: give the URL of your program, such as http://localhost:3000/hook',
      ),
      { code: 'settings_invalid' },
    );
}

class Forwarder {
  readonly #options: ForwardOptions;
  #inbox: Inbox | undefined;
  /** Number of the last request told. */
  #last: number | undefined;
  /** Those begun: told of again after a lost connection, they are not forwarded again. */
  #begun = new Set<number>();
  readonly #underWay = new Set<Promise<void>>();
  #isLost = false;
  /** Id of the inbox whose waiting callbacks were asked for. */
  #awaited: string | undefined;

  constructor(options: ForwardOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    let pauseMs = RETRY_MS;
    while (!signal.aborted) {
      try {
        if (await this.#connected()) pauseMs = RETRY_MS;
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof RingbackError) || FATAL.has(error.reason)) throw error;
        // Before the first connection it is a server of another kind; later, what stands before ours while that is away.
        if (error.reason === 'answer_unknown' && this.#inbox === undefined) throw error;
        if (error.reason === 'inbox_unknown') this.#inbox = undefined;
        else this.#lost(error.message);
      }
      await wait(pauseMs, undefined, { signal }).catch(() => {});
      pauseMs = Math.min(LONGEST_RETRY_MS, pauseMs * 1.5);
    }
    await Promise.race([Promise.all(this.#underWay), wait(STOP_MS)]);
  }

  /** One connection, from its opening to its end; whether it was open at all. */
  async #connected(): Promise<boolean> {
    const { client, signal } = this.#options;
    const inbox = await this.#theInbox();
    const silent = new AbortController();
    const alarm = setTimeout(() => silent.abort(), SILENT_MS);
    let isOpen = false;
    try {
      for await (const { event, data } of client.inboxes.stream(inbox.id, {
        forward: true,
        ...(this.#last !== undefined && { after: this.#last }),
        signal: AbortSignal.any([signal, silent.signal]),
        onAlive: () => alarm.refresh(),
        onOpen: () => {
          isOpen = true;
          this.#found(inbox);
        },
      })) {
        if (event === 'gone') this.#inbox = undefined;
        else this.#take(inbox, data);
      }
    } catch (error) {
      if (!silent.signal.aborted && !isOpen) throw error;
      // What breaks an open stream is the network's or the server's end.
      this.#lost('the connection to the server was lost');
    } finally {
      clearTimeout(alarm);
    }
    return isOpen;
  }

  async #theInbox(): Promise<Inbox> {
    if (this.#inbox) return this.#inbox;
    const { client, name, onInbox } = this.#options;
    this.#inbox = await openInbox(client, name, { forward: true });
    refuseLoop(this.#options.target, this.#inbox);
    this.#last = undefined;
    this.#begun = new Set();
    onInbox(this.#inbox);
    return this.#inbox;
  }

  #take(inbox: Inbox, request: InboxRequest): void {
    const { number } = request;
    this.#last = Math.max(this.#last ?? 0, number);
    if (this.#begun.has(number)) return;
    this.#begun.add(number);
    // The server keeps the last hundred.
    if (this.#begun.size > 1_000) this.#begun = new Set([...this.#begun].slice(-500));
    if (request.state !== 'waiting') {
      this.#options.onAnswered(request);
      return;
    }
    const work = this.#forward(inbox.id, request).catch((error: unknown) =>
      this.#options.say(`request ${number} could not be forwarded: ${(error as Error).message}`),
    );
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  async #forward(inboxId: string, request: InboxRequest): Promise<void> {
    const { target, signal, onExchange } = this.#options;
    const withinMs = Math.max(1, (request.answer_within_ms ?? 0) - MARGIN_MS);
    const deadline = AbortSignal.timeout(withinMs);
    const body = await this.#bodyOf(inboxId, request);
    const local = await callLocal(target, request, body, AbortSignal.any([signal, deadline]));
    const lost = await this.#giveBack(inboxId, request.number, local, performance.now() + withinMs);
    onExchange({ request, body, local, lost });
  }

  async #bodyOf(inboxId: string, { number, bytes, body }: InboxRequest): Promise<Buffer> {
    if (body !== null) return 'text' in body ? Buffer.from(body.text) : Buffer.from(body.base64, 'base64');
    if (bytes === 0) return Buffer.of();
    const stream = await this.#options.client.inboxes.body(inboxId, number);
    return Buffer.from(await new Response(stream).arrayBuffer());
  }

  /** Tried again while the server is away and the request may still wait. */
  async #giveBack(
    inboxId: string,
    number: number,
    { answer }: LocalAnswer,
    until: number,
  ): Promise<string | null> {
    let given = forwarded(answer);
    for (;;) {
      try {
        await this.#options.client.inboxes.answer(inboxId, number, given, { timeoutMs: 5_000 });
        return null;
      } catch (error) {
        if (!(error instanceof RingbackError)) throw error;
        if (error.reason === 'inbox_request_over' || error.reason === 'inbox_request_unknown')
          return 'somebody else had answered, or nobody waited any more';
        // The operator allows requests of this size no longer: the status is what counts.
        if (error.reason === 'request_too_large') given = { status: answer.status };
        if (performance.now() > until || this.#options.signal.aborted)
          return `the answer could not be given back (${error.message}): it is sent again`;
      }
      await wait(RETRY_MS);
    }
  }

  #lost(why: string): void {
    if (!this.#isLost) this.#options.say(`${why}; trying again until it answers`);
    this.#isLost = true;
  }

  #found(inbox: Inbox): void {
    const { client, say } = this.#options;
    if (this.#isLost) say('connected again');
    this.#isLost = false;
    if (this.#awaited === inbox.id) return;
    this.#awaited = inbox.id;
    sendWaiting(client, inbox).then(
      (sentence) => sentence !== null && say(sentence),
      (error: Error) => say(`what waits for this inbox is left to its schedule: ${error.message}`),
    );
  }
}
