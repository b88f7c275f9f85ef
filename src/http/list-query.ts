// The query of `GET /v2/pre-recorded`. Query values arrive as text, or as lists of it where a name is repeated.
import { JOB_STATES, type JobState } from '../job.ts';
import type { JobFilter } from '../store/jobs.ts';

const MOST = 1_000;

export function readListQuery(query: Record<string, unknown>): { filter: JobFilter; problems: string[] } {
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
  const asked = [query.status ?? []].flat().map(String);
  if (asked.some((state) => !JOB_STATES.includes(state as JobState)))
    problems.push(`status must be one of the following values: ${JOB_STATES.join(', ')}`);
  return {
    filter: { offset, limit, ...(asked.length > 0 && { states: asked as JobState[] }) },
    problems,
  };
}
