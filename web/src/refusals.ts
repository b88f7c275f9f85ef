// What the server has against a request, by the field that each of its sentences begins with. Pure.
import { RingbackError } from '../../src/client/error.ts';
import { FieldError } from './new-request.ts';

/** `rest`: what belongs to no field that is shown; undefined: nothing. */
export function refusalsOf(
  problem: unknown,
  fields: readonly string[],
): { byField: ReadonlyMap<string, string>; rest: unknown } {
  if (problem instanceof FieldError)
    return { byField: new Map([[problem.field, problem.message]]), rest: undefined };
  const sentences = problem instanceof RingbackError ? problem.sentences : [];
  const byField = new Map<string, string>();
  for (const sentence of sentences) {
    const field = fieldOf(sentence, fields);
    // Something that no field here is for: all of it is shown together.
    if (field === undefined || byField.has(field)) return { byField: new Map(), rest: problem };
    byField.set(field, sentence.slice(sentence.indexOf(' ') + 1));
  }
  return byField.size > 0 ? { byField, rest: undefined } : { byField, rest: problem };
}

/** The longest name that the path of the sentence is, or is inside of. */
function fieldOf(sentence: string, fields: readonly string[]): string | undefined {
  const [path = ''] = sentence.split(' ', 1);
  return fields
    .filter((field) => path === field || path.startsWith(`${field}.`))
    .sort((a, b) => b.length - a.length)[0];
}
