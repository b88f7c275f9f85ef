// Ids and lists as paths and queries have them.

// Anything else would reach PostgreSQL as a malformed uuid and come back as our own fault.
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** Several values of one name: repeated, with commas, or as `name[]` and `name[0]`. Empty ones say nothing. */
export function listOf(query: Readonly<Record<string, unknown>>, name: string): string[] {
  return Object.entries(query)
    .filter(([key]) => key === name || key.startsWith(`${name}[`))
    .flatMap(([, value]) => [value].flat())
    .flatMap((value) => String(value).split(','))
    .filter((value) => value !== '');
}
