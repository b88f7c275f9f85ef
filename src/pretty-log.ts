// The log as a person reads it on a terminal: time, level, what happened, and its fields on one line. Pure.
import pretty from 'pino-pretty';

/** From a JSON line of the log to a line for the terminal, with its end of line. */
export function prettyLines(colour: boolean): (line: string) => string {
  const format = pretty.prettyFactory({
    colorize: colour,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss',
    // All settings, told at the start, fill a screen.
    ignore: 'pid,hostname,settings',
  });
  return (line) => format(withoutControls(line));
}

/**
 * In JSON, control characters are escapes: what files and far ends wrote must not reach the terminal as commands once they
 * are read. Line ends and tabs stay, for stacks.
 */
function withoutControls(line: string): string {
  return (
    line
      // A pair of backslashes is a backslash, and what follows it is plain text.
      .replaceAll(/\\\\|\\u00[01][0-9a-f]|\\[bfr]/gi, (found) => (found === '\\\\' ? found : '\\ufffd'))
      .replaceAll(/[\u007f-\u009f]/g, '\ufffd')
  );
}
