// `ringback transcriptions export FOLDER`: every finished transcription that matches, a file each. A file that is there is
// whole, and is not fetched again: what was cut off goes on where it stopped.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { progressBar } from './progress.ts';
import { ENDINGS, RESULT_FORMATS, type ResultFormat, renderJob } from './result-text.ts';
import { addServerFlags, clientOf, type ServerFlags } from './server-options.ts';
import { isWholeId } from './short-id.ts';
import { printable, printableJson } from './terminal.ts';
import { type Narrowed, narrowed, queryOf } from './transcription-filter.ts';
import { writeWhole } from './whole-file.ts';

const PAGE = 100;

export function exportCommand(): Command {
  const command = new Command('export')
    .description(
      'write the words of all that match into a folder, or their records as JSON lines to standard output',
    )
    .argument('[folder]', 'made if it is not there; without it, JSON lines')
    .addOption(new Option('--format <name>', 'of the files').choices([...RESULT_FORMATS]).default('json'));
  return addServerFlags(narrowed(command)).action(
    async (
      folder: string | undefined,
      { format, ...flags }: Narrowed & ServerFlags & { format: ResultFormat },
    ) => {
      const { transcriptions } = clientOf(flags);
      const query = { ...queryOf(flags), limit: PAGE };
      if (folder === undefined) {
        // As fast as it is taken: a page of transcripts may be megabytes.
        for await (const job of transcriptions.list(query))
          if (!process.stdout.write(`${printableJson(job)}\n`)) await once(process.stdout, 'drain');
        return;
      }
      await mkdir(folder, { recursive: true });
      const bar = progressBar();
      const counts = { written: 0, present: 0, unfinished: 0 };
      for await (const { id, status } of transcriptions.list({ ...query, result: false })) {
        if (!isWholeId(id))
          throw Object.assign(
            new Error(`${printable(String(id))} is no id of a transcription: is this Ringback?`),
            {
              code: 'answer_unknown',
            },
          );
        const path = join(folder, `${id}.${ENDINGS[format]}`);
        if (status !== 'done') counts.unfinished++;
        else if (existsSync(path)) counts.present++;
        else {
          await writeWhole(path, await renderJob(await transcriptions.get(id), format));
          counts.written++;
        }
        bar.show({ phase: `${counts.written} written`, fraction: null });
      }
      bar.clear();
      process.stderr.write(
        `${counts.written} written, ${counts.present} there already, ${counts.unfinished} without a result left out\n`,
      );
    },
  );
}
