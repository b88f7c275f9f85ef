// Parts of a job's result, cut out by the database: a result may have 20 MB, and whoever wants its text need not read its words.
import { sql } from 'kysely';
import type { JobErrorCode } from '../errors.ts';
import type { JobState } from '../job.ts';
import type { SubtitleFormat } from '../job-options.ts';
import type { Db } from './database.ts';

/** What is told of a job beside its words; null where there is no result. */
export type Outline = {
  state: JobState;
  error_code: JobErrorCode | null;
  error_message: string | null;
  request_notes: string[] | null;
  /** Of the result as it is stored. */
  bytes: number;
  /** Seconds. */
  duration: number | null;
  languages: string[] | null;
  warnings: string[] | null;
};

/** Undefined when the job is gone. */
export async function readOutline(db: Db, accountId: string, id: string): Promise<Outline | undefined> {
  const { rows } = await sql<Outline>`
    SELECT state, error_code, error_message, request_notes, coalesce(octet_length(result), 0) AS bytes,
      (result::json #>> '{metadata,audio_duration}')::float8 AS duration,
      result::json #> '{metadata,warnings}' AS warnings,
      result::json #> '{transcription,languages}' AS languages
    FROM job WHERE account_id = ${accountId} AND id = ${id}`.execute(db);
  return rows[0];
}

/** What was said, in one piece; undefined when the job or its result is gone. */
export async function readText(db: Db, accountId: string, id: string): Promise<string | undefined> {
  const { rows } = await sql<{ text: string | null }>`
    SELECT result::json #>> '{transcription,full_transcript}' AS text
    FROM job WHERE account_id = ${accountId} AND id = ${id}`.execute(db);
  return rows[0]?.text ?? undefined;
}

/** The file of captions; undefined when the job or its result is gone, or has none of this format. */
export async function readSubtitles(
  db: Db,
  accountId: string,
  id: string,
  format: SubtitleFormat,
): Promise<string | undefined> {
  const { rows } = await sql<{ subtitles: string }>`
    SELECT one ->> 'subtitles' AS subtitles
    FROM job, json_array_elements(result::json #> '{transcription,subtitles}') AS one
    WHERE account_id = ${accountId} AND id = ${id} AND one ->> 'format' = ${format}`.execute(db);
  return rows[0]?.subtitles;
}

/** Each utterance as JSON text, in their order: so that a long transcript is read in small steps. */
export async function readUtterances(db: Db, accountId: string, id: string): Promise<string[]> {
  const { rows } = await sql<{ utterance: string }>`
    SELECT one.value::text AS utterance
    FROM job, json_array_elements(result::json #> '{transcription,utterances}') WITH ORDINALITY AS one
    WHERE account_id = ${accountId} AND id = ${id} ORDER BY one.ordinality`.execute(db);
  return rows.map(({ utterance }) => utterance);
}
