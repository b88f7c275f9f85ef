// Ids in paths. Anything else would reach PostgreSQL as a malformed uuid and come back as our own fault.
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}
