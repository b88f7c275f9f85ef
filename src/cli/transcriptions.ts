// `ringback transcriptions`: list, show, cancel, delete and export. A client of the public API.
import { Command, Option } from 'commander';
import type { Client, Job } from '../client/client.ts';
import { exportCommand } from './export.ts';
import { addListFlags, type ListFlags, printList } from './list.ts';
import { RESULT_FORMATS, type ResultFormat, renderJob } from './result-text.ts';
import { addServerFlags, clientOf, print, type ServerFlags } from './server-options.ts';
import { idOf } from './short-id.ts';
import { printable } from './terminal.ts';
import { type Narrowed, narrowed, queryOf } from './transcription-filter.ts';

export function transcriptionsCommand(): Command {
  return new Command('transcriptions')
    .description('see, cancel, delete and export the transcriptions of a running server')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(cancelCommand())
    .addCommand(deleteCommand())
    .addCommand(exportCommand());
}

function listCommand(): Command {
  return addListFlags(narrowed(new Command('list').description('the newest first'))).action(
    async (flags: Narrowed & ListFlags) => {
      const client = clientOf(flags);
      const query = queryOf(flags);
      await printList(flags, (page) => client.transcriptions.list({ ...query, ...page, result: false }), {
        ID: (job: Job) => job.id,
        STATUS: ({ status }) => status,
        CREATED: ({ created_at }) => created_at,
        SECONDS: ({ file }) => file?.audio_duration,
        FILE: ({ file }) => file?.filename ?? file?.source,
        METADATA: ({ custom_metadata }) => custom_metadata && JSON.stringify(custom_metadata),
        ERROR: ({ error_reason }) => error_reason,
      });
    },
  );
}

function showCommand(): Command {
  return addServerFlags(new Command('show').description('one: its record, or its words'))
    .argument('<id>', 'as listed, or its beginning')
    .addOption(new Option('--format <name>', 'its words instead of its record').choices([...RESULT_FORMATS]))
    .action(async (given: string, { format, ...flags }: ServerFlags & { format?: ResultFormat }) => {
      const client = clientOf(flags);
      const job = await client.transcriptions.get(await idOf(client, 'transcription', given));
      if (format === undefined) return print(flags, job, shown);
      if (job.status !== 'done')
        throw Object.assign(
          new Error(
            `transcription ${job.id} is ${job.status}${job.error_message ? `: ${printable(job.error_message)}` : ''}`,
          ),
          { code: 'no_result' },
        );
      process.stdout.write(await renderJob(job, format));
    });
}

function shown(job: Job): string {
  const { result, request_params, file, custom_metadata, ...fields } = job;
  const lines = [
    ...Object.entries(fields).filter(([, value]) => typeof value !== 'object' || value === null),
    ['file', file?.filename ?? file?.source ?? null],
    ['audio_seconds', file?.audio_duration ?? null],
    ['custom_metadata', custom_metadata && JSON.stringify(custom_metadata)],
    ['request', JSON.stringify(request_params)],
  ].map(([name, value]) => `${String(name).padEnd(17)} ${printable(String(value ?? '-'))}`);
  const text = result?.transcription.full_transcript;
  return [...lines, ...(text ? ['', printable(text)] : [])].join('\n');
}

function cancelCommand(): Command {
  return addServerFlags(new Command('cancel').description('end what waits or runs, with an error callback'))
    .argument('<ids...>', 'as listed, or their beginnings')
    .action((given: string[], flags: ServerFlags) =>
      each(given, flags, async (client, id) => {
        const { status } = await client.transcriptions.cancel(id);
        return `${id}  ${status}`;
      }),
    );
}

function deleteCommand(): Command {
  return addServerFlags(
    new Command('delete').description('remove for good: result, audio and the bodies of callbacks'),
  )
    .argument('<ids...>', 'as listed, or their beginnings')
    .action((given: string[], flags: ServerFlags) =>
      each(given, flags, async (client, id) => {
        await client.transcriptions.delete(id);
        return `${id}  deleted`;
      }),
    );
}

async function each(
  given: readonly string[],
  flags: ServerFlags,
  work: (client: Client, id: string) => Promise<string>,
): Promise<void> {
  const client = clientOf(flags);
  for (const one of given)
    process.stdout.write(`${await work(client, await idOf(client, 'transcription', one))}\n`);
}
