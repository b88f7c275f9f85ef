// The vendor's own description of its answers as JSON Schemas: the types of its official client, which are generated from
// its published OpenAPI. They are flat interfaces and unions in one file, and read as such; what else comes is an error.
import { readFileSync } from 'node:fs';

const FILE = new URL(
  '../../node_modules/@gladiaio/sdk/src/v2/prerecorded/generated-types.ts',
  import.meta.url,
);

type Schema = Record<string, unknown>;

/** By name, to be used together as `$defs`. Objects are open, as clients read them. */
export function vendorSchemas(): Record<string, Schema> {
  const source = readFileSync(FILE, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  const schemas: Record<string, Schema> = {};
  for (const [, name = '', body = ''] of source.matchAll(/^export interface (\w+) \{\n([\s\S]*?)^\}/gm))
    schemas[name] = objectOf(body);
  for (const [, name = '', union = ''] of source.matchAll(
    /^export type (\w+) =\s*([\s\S]*?)(?=^export|$(?![\s\S]))/gm,
  ))
    schemas[name] = schemaOf(union);
  return schemas;
}

function objectOf(body: string): Schema {
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  for (const line of body.split('\n').filter((one) => one.trim() !== '')) {
    const [, name, optional, type] = /^ {2}(\w+)(\?)?: (.+)$/.exec(line) ?? [];
    if (name === undefined || type === undefined) throw new Error(`no property: ${line}`);
    properties[name] = schemaOf(type);
    if (optional === undefined) required.push(name);
  }
  return { type: 'object', properties, required };
}

const PLAIN: Record<string, Schema> = {
  string: { type: 'string' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  null: { type: 'null' },
  object: { type: 'object' },
  any: {},
};

function schemaOf(type: string): Schema {
  const parts = alternatives(type.trim());
  if (parts.length > 1) return { anyOf: parts.map(schemaOf) };
  const [only = ''] = parts;
  const plain = PLAIN[only];
  if (plain) return plain;
  const literal = /^'(.*)'$/.exec(only);
  if (literal) return { const: literal[1] };
  const array = /^Array<(.*)>$/s.exec(only);
  if (array) return { type: 'array', items: schemaOf(array[1] ?? '') };
  const record = /^Record<string, (.*)>$/s.exec(only);
  if (record) return { type: 'object', additionalProperties: schemaOf(record[1] ?? '') };
  if (/^\w+$/.test(only)) return { $ref: `#/$defs/${only}` };
  throw new Error(`no type: ${only}`);
}

/** What stands between the `|` that are in no brackets. */
function alternatives(type: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const letter of type) {
    if (letter === '<') depth++;
    if (letter === '>') depth--;
    if (letter === '|' && depth === 0) {
      parts.push(part.trim());
      part = '';
    } else part += letter;
  }
  return [...parts, part.trim()].filter((one) => one !== '');
}
