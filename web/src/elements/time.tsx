// An instant as its distance from now, which goes on counting; the instant itself on hover.
import { useEffect, useState } from 'preact/hooks';
import { ago } from '../format.ts';

const BEAT_MS = 5_000;

export function Time({ at }: { at: string | null }) {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const beat = setInterval(() => setNow(new Date()), BEAT_MS);
    return () => clearInterval(beat);
  }, []);
  if (at === null) return <span class="none">–</span>;
  const time = new Date(at);
  const newest = now > time && Date.now() > now.getTime() ? new Date() : now;
  return (
    <time dateTime={at} title={time.toLocaleString()}>
      {ago(time, newest)}
    </time>
  );
}
