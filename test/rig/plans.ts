// The plans of the statements that some work sends, as PostgreSQL makes them on the tables there are. What is explained is the
// text that was sent.
import pg from 'pg';
import { vi } from 'vitest';
import { LOOKUPS_ONLY } from '../../src/store/prepared.ts';

/** Rows that a plan may read through or sort: a page, a batch. */
const FEW = 5_000;
/** Tables that are never read through. */
const LARGE = ['job', 'delivery', 'attempt', 'audio', 'idempotency_key'];

type Connection = {
  url: string;
  /** Of the connections that send. */
  lookupsOnly?: boolean;
  /** Tables that are large as well. */
  large?: readonly string[];
};

type Node = {
  'Node Type': string;
  'Relation Name'?: string;
  'Plan Rows': number;
  Plans?: Node[];
};

/** What is wrong with the plans of the statements that `work` sends. */
export async function faultsOf(
  connection: Connection,
  work: () => Promise<unknown>,
): Promise<{ statements: number; faults: string[] }> {
  const spy = vi.spyOn(pg.Client.prototype, 'query');
  await work();
  const sent = spy.mock.calls.map(([query, values]: unknown[], index) => ({
    client: spy.mock.contexts[index],
    ...(typeof query === 'string' ? { text: query, values } : (query as { text: string; values: unknown })),
  }));
  spy.mockRestore();
  const found: string[] = [];
  // Transactions that say so have other settings of the planner (lookUpOnly), as far as they go.
  const lookingUp = new Set<unknown>();
  let statements = 0;
  for (const { client, text, values } of sent) {
    if (/^SELECT set_config/.test(text)) lookingUp.add(client);
    if (/^(commit|rollback)/i.test(text)) lookingUp.delete(client);
    if (
      !/\b(SELECT|UPDATE|DELETE|INSERT)\b/i.test(text) ||
      /ringback_queue|pg_|^SELECT set_config/.test(text)
    )
      continue;
    statements++;
    const settings = { ...connection, lookupsOnly: connection.lookupsOnly === true || lookingUp.has(client) };
    for (const node of await planOf(settings, text, values as unknown[])) {
      const rows = node['Plan Rows'];
      const what = `${node['Node Type']} of ${rows} ${node['Relation Name'] ?? 'rows'}: ${text.replaceAll(/\s+/g, ' ').slice(0, 90)}`;
      const isLarge = [...LARGE, ...(connection.large ?? [])].includes(node['Relation Name'] ?? '');
      if (node['Node Type'] === 'Seq Scan' && isLarge) found.push(what);
      if (/^(Sort|Hash)$/.test(node['Node Type']) && rows > FEW) found.push(what);
    }
  }
  return { statements, faults: [...new Set(found)] };
}

/** With the planner's settings of the connections that send it. */
async function planOf({ url, lookupsOnly }: Connection, text: string, values: unknown[]): Promise<Node[]> {
  const client = new pg.Client({
    connectionString: url,
    options: ['search_path=ringback', ...(lookupsOnly ? LOOKUPS_ONLY : [])]
      .map((set) => `-c ${set}`)
      .join(' '),
  });
  await client.connect();
  try {
    const { rows } = await client.query(`EXPLAIN (FORMAT JSON) ${text}`, values);
    return nodes(rows[0]['QUERY PLAN'][0].Plan);
  } finally {
    await client.end();
  }
}

const nodes = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodes)];
