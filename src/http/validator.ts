// Checks bodies against their schemas, with bounded work. Whoever writes a request wants to hear of everything that is
// wrong with it at once; but 1 MB of JSON holds half a million wrong values, and collecting an error for each stopped the
// whole process for 2 s; and each error carries the names on the way to its value, which may be long: 2,000 values under
// one name of 900 kB stopped it for minutes. So a body that is large, or has a long name in it, is checked up to the first
// thing that is wrong, any other to its end.
import { Ajv } from 'ajv';
import type { FastifySchemaCompiler } from 'fastify';
import { HttpError } from '../errors.ts';
import { sentences } from './validation.ts';

/** More values than any request holds that somebody wrote by hand; an error for each takes some 10 ms. */
const SMALL = 2_000;
/** Characters of a name; no longer one is right where the schema looks below it. */
const LONG = 200;

export function validatorCompiler(): FastifySchemaCompiler<object> {
  // Verbose: an error names the schema that was failed, which tells what is known beside an unknown field.
  const options = {
    coerceTypes: false,
    removeAdditional: false,
    useDefaults: false,
    strict: false,
    verbose: true,
  } as const;
  const first = new Ajv({ ...options, allErrors: false });
  const all = new Ajv({ ...options, allErrors: true });
  return ({ schema }) => {
    const upToFirst = first.compile(schema);
    const toTheEnd = all.compile(schema);
    return (body: unknown) => {
      if (upToFirst(body)) return true;
      const { errors } = upToFirst;
      const found = isHeavy(body) || toTheEnd(body) ? errors : toTheEnd.errors;
      return {
        error: new HttpError('request_invalid', {
          sentences: sentences((found ?? []) as Parameters<typeof sentences>[0]),
        }),
      };
    };
  };
}

/** Whether an error for each of its values would be too much work; stops as soon as it knows. */
function isHeavy(value: unknown): boolean {
  const open = [value];
  let seen = 0;
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (typeof one !== 'object' || one === null) continue;
    const inner = Object.values(one);
    seen += inner.length;
    if (seen > SMALL) return true;
    if (!Array.isArray(one) && Object.keys(one).some((name) => name.length > LONG)) return true;
    open.push(...inner);
  }
  return false;
}
