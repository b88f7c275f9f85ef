// A command that runs until it is told to end.

/** A signal this long after the first means: now. Not sooner: npm passes on a signal that its whole group has had already. */
const SECOND_SIGNAL_MS = 1_000;

/** Aborted by Ctrl-C or SIGTERM; a second one ends the process at once. */
export function untilSignal(): AbortSignal {
  const ending = new AbortController();
  let first = Number.POSITIVE_INFINITY;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (performance.now() - first > SECOND_SIGNAL_MS) process.exit(1);
      first = Math.min(first, performance.now());
      ending.abort();
    });
  return ending.signal;
}
