// The log as a person reads it on a terminal: time, level, what happened, and its fields on one line. Pure.
import pretty from 'pino-pretty';

/** All settings, told at the start, fill a screen; whose it was, and its trace, are for programs that look for them. */
const LEFT_OUT = 'pid,hostname,settings,account,trace';
/** Of the lines that tell all there is of a job and an attempt: a person reads how it went, where to, and how long it took. */
const OF_WIDE =
  'run,written,total_ms,channels,result_bytes,callback,audio_url,phases_ms,job,endpoint,event,form,trigger,bytes,answer_bytes';

/** From a JSON line of the log to a line for the terminal, with its end of line. */
export function prettyLines(colour: boolean): (line: string) => string {
  const format = formatter(colour, LEFT_OUT);
  const jobs = formatter(colour, `${LEFT_OUT},${OF_WIDE.replace(',job,', ',')}`);
  const attempts = formatter(colour, `${LEFT_OUT},${OF_WIDE}`);
  return (line) => {
    const shown = withoutControls(line);
    if (!line.includes('"phases_ms":')) return format(shown);
    return line.includes('"delivery":') ? attempts(shown) : jobs(shown);
  };
}

function formatter(colorize: boolean, ignore: string) {
  return pretty.prettyFactory({ colorize, singleLine: true, translateTime: 'SYS:HH:MM:ss', ignore });
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
