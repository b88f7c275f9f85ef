// `order=A-17`, as people write what they look for in custom_metadata.

/** What a list is asked for; a text without `=` asks for a key of that name with an empty text, which is seldom there. */
export function metadataFilter(text: string): Record<string, string> {
  const at = text.indexOf('=');
  return at < 0 ? { [text.trim()]: '' } : { [text.slice(0, at).trim()]: text.slice(at + 1).trim() };
}
