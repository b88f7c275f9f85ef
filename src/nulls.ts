// What a request says without saying it. Pure.

/** Explicit nulls count as absent (live clients send them), except inside the caller's own metadata. */
export function withoutNulls(value: unknown, key = ''): unknown {
  if (key === 'custom_metadata' || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([name, item]) => [name, withoutNulls(item, name)]),
  );
}
