// Statements that run thousands of times a minute are parsed and planned once per connection: of a claim or a record of
// a dozen rows, planning was half of the database's processor time (docs/benchmarks.md).
import { type RawBuilder, sql } from 'kysely';
import type { Trx } from './database.ts';

const MARK = /^\/\* prepared: (\w+) \*\//;

/** What such a statement begins with. Its text must be the same each time: values only as parameters. */
export function prepared(name: string): RawBuilder<unknown> {
  return sql.raw(`/* prepared: ${name} */`);
}

/** The arguments of pg's `query(text, values)`, with the statement's name if its text has one. */
export function asPrepared(given: readonly unknown[]): readonly unknown[] {
  const [text, values] = given;
  const name = typeof text === 'string' ? MARK.exec(text)?.[1] : undefined;
  return name === undefined ? given : [{ name, text, values }, ...given.slice(2)];
}

/**
 * Server settings of a connection with such statements. A plan is kept whatever becomes of the tables, so one made while
 * they are empty must already be the one for millions of rows: an index lookup for each row of the batch, no join that
 * reads a table through.
 */
export const LOOKUPS_ONLY = ['enable_hashjoin=off', 'enable_mergejoin=off', 'enable_seqscan=off', 'jit=off'];

/**
 * The same for one transaction, whose looks are for a batch of rows in tables of any size: for an endpoint of which the planner
 * believes that it has the average number of deliveries, reading the whole table seems the shortest way to the first of them.
 */
export async function lookUpOnly(trx: Trx): Promise<void> {
  const set = LOOKUPS_ONLY.map((one) => one.split('=')).map(
    ([name, value]) => sql`set_config(${name}, ${value}, true)`,
  );
  await sql`SELECT ${sql.join(set)}`.execute(trx);
}
