// What changes while somebody looks. One event stream for the whole page; every view says which events concern it and is
// loaded anew then. The stream is a hint: after every break everything on show is loaded again.
import { createContext } from 'preact';
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';
import { sleep } from '../../src/client/connection.ts';
import { RingbackError } from '../../src/client/error.ts';
import type { Event } from '../../src/client/events.ts';
import type { Api } from './api.ts';

export type Live = {
  subscribe(listener: (event: Event) => void): () => void;
};

/** Between two loads of one view: a busy account changes a thousand times a second. */
const LOAD_EVERY_MS = 1_000;
/** For what no event tells: endpoints that rest or are tried again, inboxes and their forwarders, keys and secrets. */
export const UNTOLD_EVERY_MS = 5_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

export const LiveContext = createContext<Live>({ subscribe: () => () => {} });

/** The stream, opened again after every end, and whether it is open now. */
export function useStream(api: Api): { live: Live; connected: boolean } {
  const [connected, setConnected] = useState(false);
  const listeners = useRef(new Set<(event: Event) => void>());
  useEffect(() => {
    const stop = new AbortController();
    void follow(api, stop.signal, {
      tell: (event) => {
        for (const listener of listeners.current) listener(event);
      },
      connected: setConnected,
    });
    return () => stop.abort();
  }, [api]);
  const [live] = useState<Live>(() => ({
    subscribe(listener) {
      listeners.current.add(listener);
      return () => listeners.current.delete(listener);
    },
  }));
  return { live, connected };
}

type Followed = {
  tell: (event: Event) => void;
  connected: (is: boolean) => void;
};

async function follow(api: Api, signal: AbortSignal, { tell, connected }: Followed): Promise<void> {
  let waitMs = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const onOpen = () => {
        waitMs = FIRST_WAIT_MS;
        connected(true);
        tell({ id: null, event: 'resync', data: {} });
      };
      for await (const event of api.events({ signal, onOpen })) tell(event);
    } catch (error) {
      // The page is being left: nobody is signed in any more.
      if (error instanceof RingbackError && error.status === 401) return;
      if (!signal.aborted) console.warn('the event stream broke off', error);
    }
    if (signal.aborted) return;
    connected(false);
    await sleep(waitMs, signal).catch(() => {});
    waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
  }
}

export type Loaded<T> = {
  /** The last that was loaded; what was shown stays while it is loaded anew. */
  value: T | undefined;
  problem: unknown;
  reload(): void;
};

export type LoadOptions<T> = {
  load: (signal: AbortSignal) => Promise<T>;
  /** What `load` depends on: another value is another thing, and nothing of the old one is shown. */
  of: string;
  /** Events that change it. */
  concerns?: (event: Event) => boolean;
  /** For what no event tells. */
  everyMs?: number;
};

export function useLoaded<T>({ load, of, concerns, everyMs }: LoadOptions<T>): Loaded<T> {
  const [state, setState] = useState<{ of: string; value?: T; problem?: unknown }>({ of });
  const live = useContext(LiveContext);
  const current = useRef({ load, concerns });
  current.current = { load, concerns };
  const again = useRef(() => {});

  useEffect(() => {
    const stop = new AbortController();
    let busy = false;
    let wanted = false;
    let latest = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async () => {
      if (busy) {
        wanted = true;
        return;
      }
      busy = true;
      wanted = false;
      latest += 1;
      const turn = latest;
      const isStale = () => stop.signal.aborted || turn !== latest;
      try {
        const value = await current.current.load(stop.signal);
        if (!isStale()) setState({ of, value });
      } catch (problem) {
        if (!isStale()) setState((before) => ({ ...(before.of === of ? before : { of }), problem }));
      }
      if (isStale()) return;
      timer = setTimeout(() => {
        busy = false;
        if (wanted) void run();
      }, LOAD_EVERY_MS);
    };
    again.current = () => {
      clearTimeout(timer);
      busy = false;
      void run();
    };
    void run();
    const unsubscribe = live.subscribe((event) => {
      if (event.event === 'resync' || current.current.concerns?.(event)) void run();
    });
    const beat = everyMs === undefined ? undefined : setInterval(() => void run(), everyMs);
    return () => {
      stop.abort();
      clearTimeout(timer);
      clearInterval(beat);
      unsubscribe();
    };
  }, [of, live, everyMs]);

  const reload = useCallback(() => again.current(), []);
  return state.of === of
    ? { value: state.value, problem: state.problem, reload }
    : { value: undefined, problem: undefined, reload };
}

export type Action<Args extends unknown[]> = {
  run(...args: Args): void;
  busy: boolean;
  problem: unknown;
};

/** Something its user asks for: one at a time, and what went wrong. */
export function useAction<Args extends unknown[]>(act: (...args: Args) => Promise<void>): Action<Args> {
  const [state, setState] = useState<{ busy: boolean; problem?: unknown }>({ busy: false });
  const busy = useRef(false);
  return {
    ...state,
    problem: state.problem,
    run(...args) {
      if (busy.current) return;
      busy.current = true;
      setState({ busy: true });
      act(...args)
        .then(
          () => setState({ busy: false }),
          (problem: unknown) => setState({ busy: false, problem }),
        )
        .finally(() => {
          busy.current = false;
        });
    },
  };
}
