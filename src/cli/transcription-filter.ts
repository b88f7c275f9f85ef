// Which transcriptions a command is about.
import { type Command, Option } from 'commander';
import type { JobQuery } from '../client/client.ts';
import { JOB_STATES, type JobState } from '../job.ts';
import { pair } from './pair.ts';

export type Narrowed = {
  status?: JobState[];
  after?: string;
  before?: string;
  metadata?: Record<string, string>;
};

export function narrowed(command: Command): Command {
  return command
    .addOption(new Option('--status <names...>', 'only those in one of these').choices([...JOB_STATES]))
    .option('--after <time>', 'made from then on: a day, or an instant such as 2026-11-22T09:30:00Z')
    .option('--before <time>', 'made before then')
    .option('--metadata <key=value...>', 'only those with all of these in their custom_metadata', pair);
}

/** In the words of the API. */
export function queryOf({ status, after, before, metadata }: Narrowed): JobQuery {
  return {
    ...(status && { status }),
    ...(after && { after_date: after }),
    ...(before && { before_date: before }),
    ...(metadata && { custom_metadata: metadata }),
  };
}
