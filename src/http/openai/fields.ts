// The fields of a request, whether they came as parts of a form or as JSON: each name with its values as text. Pure.

/** `inner`: what stood in brackets behind the name: nothing or a number for lists, a name inside an object. */
export type Value = { inner: string; text: string };
export type Fields = Map<string, Value[]>;

export function addField(fields: Fields, name: string, text: string): void {
  const [, base = name, inner = ''] = /^([^[\]]+)\[([^[\]]*)\]$/.exec(name) ?? [];
  const values = fields.get(base);
  if (values) values.push({ inner, text });
  else fields.set(base, [{ inner, text }]);
}

/** As clients write JSON what others write as a form: lists, flags and numbers as such. */
export function fieldsOf(body: Readonly<Record<string, unknown>>): Fields {
  const fields: Fields = new Map();
  for (const [name, value] of Object.entries(body)) {
    if (Array.isArray(value)) for (const one of value) addField(fields, `${name}[]`, textOf(one));
    else if (typeof value === 'object' && value !== null)
      for (const [inner, one] of Object.entries(value)) addField(fields, `${name}[${inner}]`, textOf(one));
    else if (value !== null && value !== undefined) addField(fields, name, textOf(value));
  }
  return fields;
}

/** A field of a form may have JSON as its type, and is an object then. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
