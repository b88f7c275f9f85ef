// The query of `GET /v2/pre-recorded`. Query values arrive as text, or as lists of it where a name is repeated. Pure.
import { JOB_STATES, type JobState } from '../job.ts';
import type { JobFilter } from '../store/job-list.ts';
import { isDay, isInstant } from './dates.ts';
import { readMetadataQuery } from './metadata-query.ts';
import { listOf } from './params.ts';

const MOST = 1_000;
const DAY_MS = 86_400_000;

export function readListQuery(query: Record<string, unknown>): {
  filter: JobFilter;
  withResults: boolean;
  problems: string[];
} {
  const problems: string[] = [];
  const whole = (name: string, fallback: number, low: number, high: number): number => {
    const value = query[name];
    if (value === undefined || value === '') return fallback;
    const number = Number(value);
    if (!Number.isInteger(number)) problems.push(`${name} must be an integer number`);
    else if (number < low) problems.push(`${name} must not be less than ${low}`);
    else if (number > high) problems.push(`${name} must not be greater than ${high}`);
    return number;
  };
  const offset = whole('offset', 0, 0, Number.MAX_SAFE_INTEGER);
  const limit = whole('limit', 20, 1, MOST);
  const asked = listOf(query, 'status');
  if (asked.some((state) => !JOB_STATES.includes(state as JobState)))
    problems.push(`status must be one of the following values: ${JOB_STATES.join(', ')}`);

  const result = String(query.result ?? '');
  if (!['', 'true', 'false'].includes(result)) problems.push('result must be true or false');

  /** The beginning of a day without a time is meant in UTC. */
  const instant = (name: string): Date | undefined => {
    const text = String(query[name] ?? '');
    if (text === '') return undefined;
    if (isDay(text) || isInstant(text)) return new Date(text);
    problems.push(
      `${name} must be a valid ISO 8601 date string, such as 2026-11-22 or 2026-11-22T09:30:00Z (in a URL + is written %2B)`,
    );
    return undefined;
  };
  const after = instant('after_date');
  const before = instant('before_date');
  const day = String(query.date ?? '');
  if (day !== '' && !isDay(day) && !isInstant(day))
    problems.push('date must be a date written YYYY-MM-DD, or a date and time with its zone on that day');
  const dayStart = startOfDay(day);
  const dayEnd = dayStart && new Date(dayStart.getTime() + DAY_MS);
  const metadata = readMetadataQuery(query, problems);
  const bounds = { from: latest(after, dayStart), before: earliest(before, dayEnd) };
  return {
    filter: {
      offset,
      limit,
      ...(asked.length > 0 && { states: asked as JobState[] }),
      ...(bounds.from && { from: bounds.from }),
      ...(bounds.before && { before: bounds.before }),
      ...(metadata && { metadata }),
    },
    withResults: result !== 'false',
    problems,
  };
}

/** In UTC; of a date and time, the day that it is on there. */
function startOfDay(text: string): Date | undefined {
  if (!isDay(text) && !isInstant(text)) return undefined;
  return new Date(new Date(text).toISOString().slice(0, 10));
}

function latest(...dates: (Date | undefined)[]): Date | undefined {
  return dates.filter((date) => date !== undefined).toSorted((a, b) => b.getTime() - a.getTime())[0];
}

function earliest(...dates: (Date | undefined)[]): Date | undefined {
  return dates.filter((date) => date !== undefined).toSorted((a, b) => a.getTime() - b.getTime())[0];
}
