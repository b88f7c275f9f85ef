// When a server on this database counts as alive.
import { sql } from 'kysely';

/** One that has not touched its row for so long is dead. */
export const DEAD_MS = 30_000;

/** Condition on `process`: it has been heard of lately. */
export const LIVES = sql<boolean>`beat_at > now() - ${sql.lit(DEAD_MS)} * interval '1 millisecond'`;
