// Numbers and times as people read them. Pure.

/** `3 min ago`, `in 2 h`, `now`. */
export function ago(time: Date, now: Date): string {
  const seconds = Math.round((time.getTime() - now.getTime()) / 1_000);
  if (seconds === 0) return 'now';
  return seconds < 0 ? `${span(-seconds)} ago` : `in ${span(seconds)}`;
}

const EXACT = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
});

/** `Thu, 26 Nov 2026, 21:14:05 UTC`, in the reader's own zone. */
export const exact = (time: Date): string => EXACT.format(time);

const WHOLE = new Intl.NumberFormat('en');

/** `12,345`. */
export const whole = (count: number): string => WHOLE.format(count);

/** Seconds as `1:02:03`, or `2:03`; with `digits` behind the point. */
export function clock(seconds: number, digits = 0): string {
  const scale = 10 ** digits;
  const whole = Math.round(seconds * scale) / scale;
  const hours = Math.floor(whole / 3_600);
  const minutes = Math.floor((whole % 3_600) / 60);
  const rest = (whole % 60).toFixed(digits).padStart(digits === 0 ? 2 : 3 + digits, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** Seconds as `45 s`, `12 min`, `3 h`, `2 d`. */
export function span(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function milliseconds(ms: number): string {
  return ms < 1_000
    ? `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`
    : `${(ms / 1_000).toFixed(2)} s`;
}

const BYTES = ['B', 'kB', 'MB', 'GB'];

export function bytes(count: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), BYTES.length - 1);
  const value = count / 1_000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${BYTES[power]}`;
}

export function percent(share: number): string {
  // Never 100 % beside a failure.
  return `${(Math.floor(share * 1_000) / 10).toFixed(share === 1 || share === 0 ? 0 : 1)} %`;
}

export const shortId = (id: string): string => id.slice(0, 8);

/** `schedule_used_up` as words. */
export const words = (code: string): string => code.replaceAll('_', ' ');
