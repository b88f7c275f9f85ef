/** What a search finds. */
export const FOUND_KINDS = ['transcription', 'callback', 'endpoint', 'inbox', 'replay', 'key'] as const;
export type FoundKind = (typeof FOUND_KINDS)[number];
