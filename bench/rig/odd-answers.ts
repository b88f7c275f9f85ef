// A server in a process of its own that answers byte by byte: a plain answer, those of decision 8 that some parsers refuse,
// and two with a second answer smuggled in behind the first. `/who` tells which request of its connection it is.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

const OK = 'HTTP/1.1 200 OK\r\n';
/** No answer to what was asked: whoever takes it for the answer to the next request has been fooled. */
export const SMUGGLED_STATUS = 299;
const SMUGGLED = `HTTP/1.1 ${SMUGGLED_STATUS} Smuggled\r\ncontent-length: 1\r\n\r\n9`;

export const ODD: Readonly<Record<string, string>> = {
  unasked_100: `HTTP/1.1 100 Continue\r\n\r\n${OK}content-length: 2\r\n\r\nok`,
  bare_line_feeds: 'HTTP/1.1 200 OK\ncontent-length: 2\n\nok',
  same_length_twice: `${OK}content-length: 2\r\ncontent-length: 2\r\n\r\nok`,
  length_beside_chunks: `${OK}content-length: 12\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  folded_header: `${OK}x-note: one\r\n  two\r\ncontent-length: 2\r\n\r\nok`,
  second_answer_behind: `${OK}content-length: 2\r\n\r\nok${SMUGGLED}`,
  second_answer_behind_chunks: `${OK}content-length: ${12 + SMUGGLED.length}\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${SMUGGLED}`,
};

export type AnswerServer = { port: number; close(): Promise<void> };

export async function startAnswerServer(): Promise<AnswerServer> {
  const child = fork(fileURLToPath(import.meta.url), ['answers'], { stdio: 'inherit' });
  const [port] = (await once(child, 'message')) as [number];
  return {
    port,
    async close() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

function serve(socket: Socket): void {
  let seen = '';
  let requests = 0;
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    seen += bytes.toString('latin1');
    const end = seen.indexOf('\r\n\r\n');
    const length = Number(/content-length: (\d+)/i.exec(seen)?.[1] ?? 0);
    if (end < 0 || seen.length < end + 4 + length) return;
    const name = seen.slice(seen.indexOf('/') + 1, seen.indexOf(' HTTP/'));
    seen = '';
    requests += 1;
    const body = String(requests);
    socket.write(ODD[name] ?? `${OK}content-length: ${body.length}\r\n\r\n${body}`);
  });
}

if (process.argv[2] === 'answers') {
  const server = createServer(serve);
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => process.exit());
}
