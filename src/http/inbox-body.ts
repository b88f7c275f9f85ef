// The body of a request to an inbox, whole and as it came, up to a limit.
import type { IncomingMessage } from 'node:http';

/** Null: larger than `most`, and `bytes` what was said or seen of it. Rejects when the sender leaves before its end. */
export function readBody(
  request: IncomingMessage,
  most: number,
): Promise<{ body: Buffer | null; bytes: number }> {
  const said = Number(request.headers['content-length'] ?? 0);
  // It may have gone while its inbox was looked up: of that nothing tells any more.
  if (request.destroyed) return Promise.reject(new SenderLeft());
  if (said > most) return Promise.resolve({ body: null, bytes: said });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (settle: () => void) => {
      request.off('data', more).off('end', whole).off('close', left);
      settle();
    };
    const more = (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= most) return;
      request.pause();
      finish(() => resolve({ body: null, bytes }));
    };
    const whole = () => finish(() => resolve({ body: Buffer.concat(chunks), bytes }));
    const left = () => finish(() => reject(new SenderLeft()));
    request.on('data', more).on('end', whole).on('close', left);
    // What breaks a body closes it.
    request.on('error', () => {});
  });
}

/** Nobody is there to be answered. */
export class SenderLeft extends Error {
  constructor() {
    super('the sender left');
    this.name = 'SenderLeft';
  }
}
