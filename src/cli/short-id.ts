// Ids as people type them: whole, or their beginning where nothing else begins so.
import type { Client } from '../client/client.ts';
import { shortOf } from './table.ts';

const WHOLE = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** It may be the name of a file, too. */
export const isWholeId = (given: unknown): given is string => typeof given === 'string' && WHOLE.test(given);

const FEW = 20;

type Kind = 'transcription' | 'callback' | 'endpoint' | 'replay' | 'webhook';

/** The id that `given` stands for; throws a sentence when that is none or several. */
export async function idOf(client: Client, kind: Kind, given: string): Promise<string> {
  if (isWholeId(given)) return given;
  if (!/^[0-9a-f][0-9a-f-]{3,}$/i.test(given))
    throw unclear(`${given} is no id: give it as listed, or its first four digits or more`);
  const found =
    kind === 'replay' || kind === 'webhook'
      ? await listedLike(client[`${kind}s`], given)
      : await searched(client, kind, given);
  const [only] = found;
  if (!only) throw unclear(`there is no ${kind} whose id begins with ${given}`);
  if (found.length > 1)
    throw unclear(
      `${found.length} ${kind}s have an id that begins with ${given}: ${found.map((id) => shortOf(id, 13)).join(', ')}`,
    );
  return only;
}

async function searched(client: Client, kind: Kind, given: string): Promise<string[]> {
  const hits = await client.search({ q: given, limit: FEW });
  return hits.filter((hit) => hit.kind === kind && hit.matched === 'id').map(({ id }) => id);
}

/** There are few, and no search knows them. */
async function listedLike(
  { list }: { list: () => AsyncIterable<{ id: string }> },
  given: string,
): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of list()) if (id.startsWith(given.toLowerCase())) ids.push(id);
  return ids;
}

const unclear = (sentence: string): Error => Object.assign(new Error(sentence), { code: 'id_unclear' });
