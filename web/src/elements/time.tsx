// An instant as its distance from now, which goes on counting; the instant itself on hover.
import { useEffect, useState } from 'preact/hooks';
import { ago, exact } from '../format.ts';

const BEAT_MS = 5_000;

/** `due`: it is still to come; where its moment has passed it is due now, however long the page has not heard more. */
export function Time({ at, due = false }: { at: string | null; due?: boolean }) {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const beat = setInterval(() => setNow(new Date()), BEAT_MS);
    return () => clearInterval(beat);
  }, []);
  if (at === null) return <span class="none">–</span>;
  const time = new Date(at);
  const newest = now > time && Date.now() > now.getTime() ? new Date() : now;
  return (
    <time dateTime={at} title={exact(time)}>
      {due && time <= newest ? 'due now' : ago(time, newest)}
    </time>
  );
}
