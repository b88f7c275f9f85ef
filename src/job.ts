// A transcription job and its states: queued → processing → done | error. Pure.
// A start that ends without a word (crash, lost lease) goes back to queued; see ARCHITECTURE.md for the drawing.

export const JOB_STATES = ['queued', 'processing', 'done', 'error'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Starts at most: a file that kills its worker every time must not do so for ever. */
export const MAX_RUNS = 4;
