// What comes to an inbox, live: what is there, then its stream, opened again after every end from where it was.
import { useEffect, useState } from 'preact/hooks';
import { sleep } from '../../src/client/connection.ts';
import type { InboxRequest } from '../../src/http/schemas/inbox.ts';
import type { Api } from './api.ts';
import { useApi } from './context.ts';

/** Of bodies up to 16 KiB, loaded once; what is older is asked for. */
const FIRST = 10;
const AGAIN_MS = 2_000;
/** The server says something every 5 s. */
const SILENT_MS = 20_000;

export type Arrived = {
  /** Newest first; undefined until the first are loaded. */
  requests: readonly InboxRequest[] | undefined;
  /** Where older ones are; null: there are none. */
  older: string | null;
  connected: boolean;
  /** It was deleted, here or elsewhere. */
  gone: boolean;
  problem: unknown;
};

export function useInboxRequests(id: string): Arrived & { loadOlder: () => Promise<void> } {
  const api = useApi();
  const [state, setState] = useState<Arrived>(NOTHING);
  useEffect(() => {
    const stop = new AbortController();
    setState(NOTHING);
    void follow(api, id, stop.signal, (change) => setState((before) => ({ ...before, ...change(before) })));
    return () => stop.abort();
  }, [api, id]);
  return {
    ...state,
    async loadOlder() {
      if (state.older === null) return;
      const page = await api.inboxes.requestPage(id, { limit: FIRST, after: state.older });
      setState((before) => ({ ...before, requests: merged(before.requests, page.items), older: page.next }));
    },
  };
}

const NOTHING: Arrived = {
  requests: undefined,
  older: null,
  connected: false,
  gone: false,
  problem: undefined,
};

type Change = (make: (before: Arrived) => Partial<Arrived>) => void;

async function follow(api: Api, id: string, signal: AbortSignal, change: Change): Promise<void> {
  /** Number of the last one seen. */
  let last: number | undefined;
  while (!signal.aborted) {
    try {
      if (last === undefined) {
        const page = await api.inboxes.requestPage(id, { limit: FIRST }, signal);
        last = page.items[0]?.number ?? 0;
        change(() => ({ requests: page.items, older: page.next, problem: undefined }));
      }
      for await (const request of read(api, id, { after: last, signal, change })) {
        last = Math.max(last, request.number);
        change(({ requests }) => ({ requests: merged(requests, [request]) }));
        if (request.state === 'waiting') void settle(api, id, request, signal, change);
      }
    } catch (problem) {
      if (!signal.aborted) change(({ gone }) => ({ problem: gone ? undefined : problem }));
    }
    change(() => ({ connected: false }));
    await sleep(AGAIN_MS, signal).catch(() => {});
  }
}

type Reading = { after: number; signal: AbortSignal; change: Change };

async function* read(api: Api, id: string, { after, signal, change }: Reading) {
  const silent = new AbortController();
  let alarm = setTimeout(() => silent.abort(), SILENT_MS);
  try {
    for await (const told of api.inboxes.stream(id, {
      after,
      signal: AbortSignal.any([signal, silent.signal]),
      onOpen: () => change(() => ({ connected: true, problem: undefined })),
      onAlive: () => {
        clearTimeout(alarm);
        alarm = setTimeout(() => silent.abort(), SILENT_MS);
      },
    })) {
      if (told.event === 'request') yield told.data;
      else change(() => ({ gone: true }));
    }
  } finally {
    clearTimeout(alarm);
  }
}

/** The stream tells of a request once: of one that waited, what it was answered is asked for. */
async function settle(
  api: Api,
  id: string,
  { number, answer_within_ms: withinMs }: InboxRequest,
  signal: AbortSignal,
  change: Change,
): Promise<void> {
  const until = Date.now() + (withinMs ?? 0) + AGAIN_MS;
  while (!signal.aborted) {
    await sleep(AGAIN_MS, signal).catch(() => {});
    const page = await api.inboxes
      .requestPage(id, { limit: 1, after: String(number + 1) }, signal)
      // The stream's own end says why.
      .catch(() => null);
    const [now] = page?.items ?? [];
    if (now?.number === number) change(({ requests }) => ({ requests: merged(requests, [now]) }));
    if (now?.number !== number || now.state !== 'waiting' || Date.now() > until) return;
  }
}

/** Newest first, each once, as it was told last. */
function merged(before: readonly InboxRequest[] = [], told: readonly InboxRequest[]): InboxRequest[] {
  const all = new Map([...before, ...told].map((request) => [request.number, request]));
  return [...all.values()].sort((a, b) => b.number - a.number);
}
