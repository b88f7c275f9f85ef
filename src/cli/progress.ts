// How far something is, on a terminal only: piped output stays clean either way, since the bar goes to stderr.

const WIDTH = 30;
const PHASE = 11;

export type ProgressBar = {
  /** `fraction` from 0 to 1; null: nobody knows. */
  show(progress: { phase: string; fraction: number | null }): void;
  clear(): void;
};

export function progressBar(): ProgressBar {
  if (!process.stderr.isTTY) return { show: () => {}, clear: () => {} };
  return {
    show({ phase, fraction }) {
      const filled = Math.round((fraction ?? 0) * WIDTH);
      const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
      process.stderr.write(`\r${phase.padEnd(PHASE)} [${bar}] ${Math.round((fraction ?? 0) * 100)} % `);
    },
    clear: () => process.stderr.write(`\r${' '.repeat(PHASE + WIDTH + 14)}\r`),
  };
}
