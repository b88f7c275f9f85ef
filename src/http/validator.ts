// Checks bodies against their schemas, with bounded work. Whoever writes a request wants to hear of everything that is
// wrong with it at once; but 1 MB of JSON holds half a million wrong values, and collecting an error for each stopped the
// whole process for 2 s. So a large body is checked up to the first thing that is wrong, a small one to its end.
import { Ajv } from 'ajv';
import type { FastifySchemaCompiler } from 'fastify';
import { HttpError } from '../errors.ts';
import { sentences } from './validation.ts';

/** More values than any request holds that somebody wrote by hand; an error for each takes some 10 ms. */
const SMALL = 2_000;

export function validatorCompiler(): FastifySchemaCompiler<object> {
  const options = { coerceTypes: false, removeAdditional: false, useDefaults: false, strict: false } as const;
  const first = new Ajv({ ...options, allErrors: false });
  const all = new Ajv({ ...options, allErrors: true });
  return ({ schema }) => {
    const upToFirst = first.compile(schema);
    const toTheEnd = all.compile(schema);
    return (body: unknown) => {
      if (upToFirst(body)) return true;
      const { errors } = upToFirst;
      const found = hasMoreValues(body, SMALL) || toTheEnd(body) ? errors : toTheEnd.errors;
      return { error: new HttpError('request_invalid', { sentences: sentences(found ?? []) }) };
    };
  };
}

/** Stops as soon as it knows. */
function hasMoreValues(value: unknown, most: number): boolean {
  const open = [value];
  let seen = 0;
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (typeof one !== 'object' || one === null) continue;
    const inner = Object.values(one);
    seen += inner.length;
    if (seen > most) return true;
    open.push(...inner);
  }
  return false;
}
