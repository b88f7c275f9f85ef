// How people write sizes and times in settings, and how we write them back. Pure.

const DURATIONS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SIZES: Record<string, number> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** Milliseconds of `15s`, `2m`, `1.5h`, `365d`; throws a sentence naming what was read. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim());
  if (!match)
    throw new Error(`"${text}" is not a duration: write a number and a unit, such as 15s, 10m, 6h or 30d`);
  return Math.round(Number(match[1]) * (DURATIONS[match[2] as string] as number));
}

/** Bytes of `1000MB` (10^6) or `512MiB` (2^20); a bare number is bytes. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?i?B)?$/i.exec(text.trim());
  if (!match) throw new Error(`"${text}" is not a size: write a number and a unit, such as 500MB or 2GiB`);
  return Math.round(Number(match[1]) * (SIZES[(match[2] ?? 'B').toUpperCase()] as number));
}

/** The largest unit that divides the time evenly: 90000 becomes `90s`, 7200000 becomes `2h`. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const size = DURATIONS[unit] as number;
    if (milliseconds >= size && milliseconds % size === 0) return `${milliseconds / size}${unit}`;
  }
  return milliseconds === 0 ? '0s' : `${milliseconds}ms`;
}

export function formatBytes(bytes: number): string {
  for (const unit of ['GB', 'MB', 'KB'] as const) {
    const size = SIZES[unit] as number;
    if (bytes >= size) return `${Number((bytes / size).toFixed(1))}${unit}`;
  }
  return `${bytes}B`;
}
