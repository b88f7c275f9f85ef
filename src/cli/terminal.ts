// What is written to a terminal of what far ends sent, and how: no control characters, colour only where it is seen.
import { styleText } from 'node:util';

type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Plain where stdout is no terminal, or NO_COLOR is set. */
export function tint(colour: Colour, text: string): string {
  return styleText(colour, text, { stream: process.stdout });
}

/** By what an HTTP status says. */
export function tintStatus(status: number, text = String(status)): string {
  return tint(status < 300 ? 'green' : status < 400 ? 'yellow' : 'red', text);
}

/** What commands a terminal, or turns the writing around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to go
const COMMANDS = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** For one line: what commands a terminal is shown as a mark. */
export const printable = (text: string): string => text.replaceAll(COMMANDS, '�');

/** For several lines: those and tabs stay. */
export function printableText(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(COMMANDS, (one) => (/[\n\t]/.test(one) ? one : '�'));
}

/** One line of JSON, or indented; what JSON may have as it is, and a terminal would obey, is escaped. */
export function printableJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replaceAll(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `14:03:22`, here and now. */
export function clock(at: Date): string {
  return at.toTimeString().slice(0, 8);
}
