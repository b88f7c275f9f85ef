// The command lines of the proofs: `--name value …`, each with its default.
import { parseArgs } from 'node:util';

type Options<T> = { [Name in keyof T]: T[Name] extends number ? number : string[] };

/** A default that is a list may be given several times. */
export function readOptions<T extends Record<string, number | string[]>>(
  argv: string[],
  defaults: T,
): Options<T> {
  const { values } = parseArgs({
    args: argv,
    options: Object.fromEntries(
      Object.entries(defaults).map(([name, value]) => [
        name,
        Array.isArray(value)
          ? { type: 'string', multiple: true, default: value }
          : { type: 'string', default: String(value) },
      ]),
    ),
  });
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value : Number(value)]),
  ) as Options<T>;
}

/** Figures go to the output, what happens meanwhile here. */
export const tell = (line: string): void => void process.stderr.write(`${line}\n`);
