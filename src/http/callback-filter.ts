// Which callbacks are meant, where many are sent again or cancelled together, and in lists.
import type { CallbackFilter } from '../delivery.ts';
import { HttpError } from '../errors.ts';
import type { Db } from '../store/database.ts';
import { ownsEndpoint } from '../store/replays.ts';
import { isInstant } from './dates.ts';
import { isUuid } from './params.ts';

/** As it is to be used; throws `request_invalid` with all that is wrong with it. */
export async function readFilter(db: Db, account: string, filter: CallbackFilter): Promise<CallbackFilter> {
  const problems = judgeFilter(filter);
  if (problems.length === 0 && filter.endpoint && !(await ownsEndpoint(db, account, filter.endpoint)))
    problems.push('filter.endpoint must be the id of one of your endpoints: there is none with this id');
  if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
  return { ...filter, ...plainTimes(filter) };
}

/** What the schema cannot say: sentences about what is wrong. Pure. */
export function judgeFilter(filter: CallbackFilter): string[] {
  const problems: string[] = [];
  if (Object.keys(filter).length === 0)
    problems.push('filter.state is required when nothing else narrows the filter: name at least the states');
  for (const name of ['endpoint', 'transcription_id', 'webhook_id'] as const)
    if (filter[name] !== undefined && !isUuid(filter[name]))
      problems.push(`filter.${name} must be an id (UUID)`);
  return [...problems, ...judgeTimes(filter, 'filter.')];
}

type Times = Pick<CallbackFilter, 'created_after' | 'created_before'>;

export function judgeTimes(times: Times, path: string): string[] {
  const problems: string[] = [];
  for (const name of ['created_after', 'created_before'] as const)
    if (times[name] !== undefined && !isInstant(times[name]))
      problems.push(
        `${path}${name} must be a date and time with its zone, such as 2026-11-22T09:30:00Z${path === '' ? ' (in a URL + is written %2B)' : ''}`,
      );
  const { created_after: after, created_before: before } = times;
  if (problems.length === 0 && after !== undefined && before !== undefined) {
    if (Date.parse(after) >= Date.parse(before))
      problems.push(`${path}created_before must be later than ${path}created_after`);
  }
  return problems;
}

/** In one spelling, which every reader takes the same way. */
export function plainTimes({ created_after, created_before }: Times): Times {
  return {
    ...(created_after !== undefined && { created_after: new Date(created_after).toISOString() }),
    ...(created_before !== undefined && { created_before: new Date(created_before).toISOString() }),
  };
}
