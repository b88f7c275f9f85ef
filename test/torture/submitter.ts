// Submits jobs over HTTP to whoever listens, tries again when a connection breaks, and keeps the ledger of every id it
// was given a 201 for: what Ringback has promised.
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { API_KEY } from './fleet.ts';

export type Submitter = {
  accepted: Set<string>;
  /** Requests that ended without an answer, or with a 5xx, and were made again. */
  readonly retries: number;
  /** Answers that were neither 201 nor a reason to try again. */
  refusals: string[];
  /** Until it is accepted; its id, or null when it was refused. The key makes a repeated request the same request. */
  submit(job: object, urls?: () => string[]): Promise<string | null>;
};

export function createSubmitter(urls: () => string[]): Submitter {
  const accepted = new Set<string>();
  const refusals: string[] = [];
  let retries = 0;
  let turn = 0;
  return {
    accepted,
    refusals,
    get retries() {
      return retries;
    },
    async submit(job, among = urls) {
      const key = randomUUID();
      for (;;) {
        const alive = among();
        const url = alive[turn++ % Math.max(1, alive.length)];
        const answer = url === undefined ? null : await post(url, key, job);
        if (answer?.status === 201) {
          accepted.add(answer.id);
          return answer.id;
        }
        if (answer && answer.status < 500 && answer.status !== 409) {
          refusals.push(`${answer.status} ${answer.id}`);
          return null;
        }
        if (url !== undefined) retries++;
        await wait(100);
      }
    },
  };
}

async function post(url: string, key: string, job: object): Promise<{ status: number; id: string } | null> {
  try {
    const response = await fetch(`${url}/v2/pre-recorded`, {
      method: 'POST',
      headers: { 'x-gladia-key': API_KEY, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(job),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    return { status: response.status, id: response.status === 201 ? JSON.parse(text).id : text };
  } catch {
    return null;
  }
}
