// An answer, read from the bytes of a connection as they come. **A status line that arrived is an answer**, however odd what
// follows: the status is told first, by itself. Leniency ends there; see answer-head.ts for what may be built on the rest.
//
// Why not a parser of a library: docs/decisions/0008-answers.md.
import { type AnswerHead, parseHead, statusOf } from './answer-head.ts';
import { ChunkedBody } from './chunked.ts';

export const MAX_HEADER_BYTES = 16_384;

export type AnswerEvents = {
  /** Once, as soon as the first line names it. Never of a 1xx, but for 101. */
  onStatus(): void;
  /** Once, with all the headers there are. */
  onHead(head: AnswerHead): void;
  /** In the order of the body; what comes in one piece from the socket is told in one. */
  onData(bytes: Buffer): void;
  /** The body is read to the end that its head gives. */
  onBodyEnd(): void;
};

type Code =
  | 'NOT_HTTP'
  | 'NOT_HTTP_BUT_TLS'
  | 'NOT_HTTP_BUT_HTTP2'
  | 'BAD_STATUS_LINE'
  | 'HEAD_OVERFLOW'
  | 'BODY_SHORT'
  | 'BODY_UNCERTAIN';

export class AnswerError extends Error {
  readonly code: Code;
  constructor(code: Code, message: string) {
    super(message);
    this.name = 'AnswerError';
    this.code = code;
  }
}

const [CR, LF] = [0x0d, 0x0a];
const NOTHING: Buffer = Buffer.alloc(0);
const BEGINNING = Buffer.from('HTTP/');

export class AnswerReader {
  readonly #events: AnswerEvents;
  /** Of a head that is not whole yet. */
  #pending = NOTHING;
  #status: number | null = null;
  #head: AnswerHead | null = null;
  #chunks: ChunkedBody | null = null;
  /** Of a body whose length is known. */
  #left = 0;
  #isDone = false;
  /** Something came that a plain answer does not have: before it, or after its end. */
  #isOdd = false;

  constructor(events: AnswerEvents) {
    this.#events = events;
  }

  /** Of the answer, once it has arrived. */
  get status(): number | null {
    return this.#status !== null && isFinal(this.#status) ? this.#status : null;
  }

  /** Whether bytes of an answer came that do not name a status yet. */
  get hasBegun(): boolean {
    return this.#pending.length > 0;
  }

  /** Milliseconds for which the connection may be kept now; 0: not at all. */
  get keepMs(): number {
    return this.#isDone && !this.#isOdd ? (this.#head?.keepMs ?? 0) : 0;
  }

  /** Throws an error with a `code` where the rest cannot be read. */
  push(bytes: Buffer): void {
    if (this.#isDone) this.#isOdd = true;
    else if (this.#head) this.#readBody(bytes);
    else this.#readHead(this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]));
  }

  /** The far end has closed, in good order: for some bodies that is the end. */
  close(): void {
    const isWhole = this.#head !== null;
    this.giveUp();
    if (this.#isDone || !this.#head) return;
    if (!isWhole || this.#head.framing.kind !== 'close')
      throw new AnswerError('BODY_SHORT', 'closed before the end of the answer');
    this.#finish();
  }

  /** No more will be read: what came of a head is the head. */
  giveUp(): void {
    if (this.#head) return;
    const text = this.#pending.toString('latin1');
    if (this.#status === null) {
      const status = statusOf(text, true);
      if (status === null || !isFinal(status)) return;
      this.#status = status;
      this.#events.onStatus();
    }
    if (isFinal(this.#status)) this.#headRead(text);
  }

  #readHead(bytes: Buffer): void {
    let from = 0;
    for (;;) {
      while (bytes[from] === CR || bytes[from] === LF) {
        from++;
        this.#isOdd = true;
      }
      this.#pending = bytes.subarray(from);
      if (!this.#readStatus(this.#pending)) return;
      const end = endOfHead(this.#pending);
      if (end < 0 && this.#pending.length <= MAX_HEADER_BYTES) return;
      if (end < 0 || end > MAX_HEADER_BYTES) {
        // Of a 1xx there is no answer yet, whatever its head says.
        if (isFinal(this.#status ?? 0)) this.#headRead(this.#pending.toString('latin1', 0, MAX_HEADER_BYTES));
        throw new AnswerError('HEAD_OVERFLOW', 'the head is too long');
      }
      const status = this.#status ?? 0;
      if (isFinal(status)) {
        const rest = this.#pending.subarray(end);
        this.#headRead(this.#pending.toString('latin1', 0, end));
        this.#readBody(rest);
        return;
      }
      // 1xx, asked for or not: the answer comes after it.
      this.#status = null;
      this.#isOdd = true;
      from += end;
    }
  }

  /** False: there is none yet. */
  #readStatus(head: Buffer): boolean {
    if (this.#status !== null) return true;
    notHttp(head);
    const end = head.indexOf(LF);
    const isWhole = end >= 0;
    const status = statusOf(head.toString('latin1', 0, isWhole ? end : MAX_HEADER_BYTES), isWhole);
    if (status === null && (isWhole || head.length > MAX_HEADER_BYTES))
      throw new AnswerError('BAD_STATUS_LINE', 'no status in the first line');
    if (status === null) return false;
    this.#status = status;
    if (isFinal(status)) this.#events.onStatus();
    return true;
  }

  #headRead(text: string): void {
    this.#head = parseHead(text, this.#status ?? 0);
    this.#pending = NOTHING;
    const { framing } = this.#head;
    if (framing.kind === 'chunked') this.#chunks = new ChunkedBody();
    if (framing.kind === 'length') this.#left = framing.bytes;
    this.#events.onHead(this.#head);
  }

  #readBody(bytes: Buffer): void {
    const kind = this.#head?.framing.kind;
    if (kind === 'close') {
      if (bytes.length > 0) this.#events.onData(bytes);
      return;
    }
    let end = 0;
    if (kind === 'chunked' && this.#chunks) {
      const pieces: Buffer[] = [];
      end = this.#chunks.read(bytes, pieces);
      const [first] = pieces;
      if (first) this.#events.onData(pieces.length === 1 ? first : Buffer.concat(pieces));
      if (end < 0) return;
    } else if (kind === 'length') {
      end = Math.min(this.#left, bytes.length);
      this.#left -= end;
      if (end > 0) this.#events.onData(end === bytes.length ? bytes : bytes.subarray(0, end));
      if (this.#left > 0) return;
    }
    if (end < bytes.length) this.#isOdd = true;
    this.#finish();
  }

  #finish(): void {
    this.#isDone = true;
    if (this.#head?.isCertain === false && this.#head.framing.kind !== 'none')
      throw new AnswerError('BODY_UNCERTAIN', 'its headers contradict one another');
    this.#events.onBodyEnd();
  }
}

/** 101 too: nobody has asked to switch protocols, so nothing comes after it. */
function isFinal(status: number): boolean {
  return status >= 200 || status === 101;
}

/** Throws for what cannot become an answer, at its first byte that differs. */
function notHttp(bytes: Buffer): void {
  const length = Math.min(bytes.length, BEGINNING.length);
  for (let index = 0; index < length; index++) {
    // Letters in either case: `http/1.1` is read too.
    const [is, wanted] = [bytes[index] ?? 0, BEGINNING[index] ?? 0];
    if (is !== wanted && is !== (wanted | 0x20)) throw new AnswerError(foreign(bytes), 'not HTTP');
  }
}

/** An alert or a handshake record of TLS; the SETTINGS frame that HTTP/2 begins with. */
function foreign(bytes: Buffer): Code {
  if ((bytes[0] === 0x15 || bytes[0] === 0x16) && (bytes.length < 2 || bytes[1] === 3))
    return 'NOT_HTTP_BUT_TLS';
  return bytes[0] === 0 && bytes[1] === 0 && bytes[3] === 4 ? 'NOT_HTTP_BUT_HTTP2' : 'NOT_HTTP';
}

/** Behind the empty line, whose line ends may be bare; -1: it has not come. */
function endOfHead(bytes: Buffer): number {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}
