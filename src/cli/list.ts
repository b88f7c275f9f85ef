// What every list of the command line can do: so many or all, JSON, a table as wide as the terminal, and again and again.
import { setTimeout as wait } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { positive } from './numbers.ts';
import { addServerFlags, type ServerFlags } from './server-options.ts';
import { shortOf, table } from './table.ts';
import { printableJson } from './terminal.ts';

export type ListFlags = ServerFlags & { limit: number; all?: true; watch?: number | true };

const USUAL = 50;
const LARGEST_PAGE = 1_000;
const WATCH_S = 2;

export function addListFlags(command: Command): Command {
  return addServerFlags(command)
    .option('--limit <N>', 'how many at most', positive, USUAL)
    .option('--all', 'all there are')
    .option('--watch [seconds]', `show them again every so often (${WATCH_S}), until Ctrl-C`, seconds);
}

function seconds(given: string): number {
  const number = Number(given);
  if (!(number >= 0.2)) throw new InvalidArgumentError('give seconds, 0.2 or more');
  return number;
}

export type Columns<T> = Readonly<Record<string, (row: T) => unknown>>;

/** `find` gives pages of `limit` rows. Ids and times are short on a terminal, whole everywhere else. */
export async function printList<T>(
  flags: ListFlags,
  find: (page: { limit: number }) => AsyncIterable<T>,
  columns: Columns<T>,
): Promise<void> {
  const most = flags.all ? Number.POSITIVE_INFINITY : flags.limit;
  const look = async () => {
    const rows: T[] = [];
    for await (const row of find({ limit: Math.min(most, LARGEST_PAGE) })) {
      rows.push(row);
      if (rows.length >= most) break;
    }
    return flags.json ? printableJson(rows, 2) : tableOf(rows, columns);
  };
  if (flags.watch === undefined) {
    process.stdout.write(`${await look()}\n`);
    return;
  }
  for (;;) {
    const text = await look();
    process.stdout.write(process.stdout.isTTY ? `${CLEAR}${text}\n` : `${text}\n`);
    await wait((flags.watch === true ? WATCH_S : flags.watch) * 1_000);
  }
}

/** To the second is enough for people; the year is known. UTC, as everywhere. */
const INSTANT = /^\d{4}-(\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d+Z$/;

/** To the top, and nothing below (ECMA-48, CUP and ED). */
const CLEAR = '\u001b[H\u001b[2J\u001b[3J';

export function tableOf<T>(rows: readonly T[], columns: Columns<T>): string {
  const { isTTY, columns: width } = process.stdout;
  const isId = (name: string) => /\bID$/.test(name);
  return table(
    Object.keys(columns),
    rows.map((row) =>
      Object.entries(columns).map(([name, cellOf]) => {
        const cell = cellOf(row);
        if (!isTTY || typeof cell !== 'string') return cell;
        return isId(name) ? shortOf(cell) : cell.replace(INSTANT, '$1 $2');
      }),
    ),
    isTTY ? width : undefined,
  );
}
