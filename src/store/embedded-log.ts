/** Owns the reading of PostgreSQL's own log lines (log_destination stderr, empty log_line_prefix). */

export type LogLine = {
  /** `WARNING`, `ERROR`, `LOG`, `FATAL`, `PANIC` …; continuation lines (STATEMENT, HINT, indented) have that of their first. */
  readonly severity: string;
  readonly message: string;
};

const TAIL = 40; // lines

const SEVERITIES = /^(DEBUG\d?|INFO|NOTICE|WARNING|ERROR|LOG|FATAL|PANIC): {2}(.*)$/;

/** Takes lines as they come, without their ends; remembers the last few for an error message. */
export function serverLog(): { add(text: string): LogLine; tail(): string } {
  const last: string[] = [];
  // What the programs say before their log is set up, as the dynamic linker does, has no severity and matters.
  let severity = 'FATAL';
  return {
    add(text) {
      last.push(text);
      if (last.length > TAIL) last.shift();
      const match = SEVERITIES.exec(text);
      severity = match?.[1] ?? severity;
      return { severity, message: (match?.[2] ?? text).trim() };
    },
    tail: () => last.join('\n'),
  };
}
