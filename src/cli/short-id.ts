// Ids as people type them: whole, or their beginning where nothing else begins so.
import type { Client, Found } from '../client/client.ts';
import { shortOf } from './table.ts';

const WHOLE = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id that `given` stands for; throws a sentence when that is none or several. */
export async function idOf(client: Client, kind: Found['kind'], given: string): Promise<string> {
  if (WHOLE.test(given)) return given;
  if (!/^[0-9a-f][0-9a-f-]{3,}$/i.test(given))
    throw unclear(`${given} is no id: give it as listed, or its first four digits or more`);
  const found = (await client.search(given)).filter((one) => one.kind === kind && one.matched === 'id');
  const [only] = found;
  if (!only) throw unclear(`there is no ${kind} whose id begins with ${given}`);
  if (found.length > 1)
    throw unclear(
      `${found.length} ${kind}s have an id that begins with ${given}: ${found.map(({ id }) => shortOf(id, 12)).join(', ')}`,
    );
  return only.id;
}

const unclear = (sentence: string): Error => Object.assign(new Error(sentence), { code: 'id_unclear' });
