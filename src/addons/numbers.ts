// Digits as people say and write them: `five five five`, `double five`, `nineteen eighty`, `415-555-0132`. Pure.
import type { Token } from './spoken-text.ts';

const DIGITS: Record<string, string> = {
  zero: '0',
  oh: '0',
  o: '0',
  nought: '0',
  one: '1',
  two: '2',
  three: '3',
  four: '4',
  five: '5',
  six: '6',
  seven: '7',
  eight: '8',
  nine: '9',
};
const TEENS: Record<string, string> = Object.fromEntries(
  'ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'
    .split(' ')
    .map((word, index) => [word, String(10 + index)]),
);
const TENS: Record<string, string> = Object.fromEntries(
  'twenty thirty forty fifty sixty seventy eighty ninety'
    .split(' ')
    .map((word, index) => [word, String(2 + index)]),
);
const TIMES: Record<string, number> = { double: 2, triple: 3, treble: 3 };
/** Said between digits and worth none. */
const BETWEEN = new Set([
  '',
  ...'dash hyphen space then uh um er and slash point let me see wait sorry so'.split(' '),
]);
const MAGNITUDE = new Set(['thousand', 'million', 'billion', 'trillion']);

/** A number of two digits at most, as in an age or a street number; null for other words. */
export const isNumberWord = (word: string): boolean =>
  word.split('-').every((part) => part in DIGITS || part in TEENS || part in TENS || part === 'hundred') ||
  /^\d+$/.test(word);

/** Digits of one written token, or null. Dates, times, amounts and decimals are not identifiers. */
function written(token: Token): string | null {
  const text = token.text.replace(/^[("'[]*/, '').replace(/[)\].,;:!?"']+$/, '');
  if (!/^\+?\(?\d[\d().-]*$/.test(text)) return null;
  if (/^\d{1,3}\.\d{1,2}$/.test(text)) return null;
  // 2024-06-21
  if (/^(19|20)\d\d-\d\d?-\d\d?$/.test(text)) return null;
  return text.replaceAll(/\D/g, '');
}

export type DigitRun = {
  /** Tokens, half open. */
  from: number;
  to: number;
  digits: string;
  /** `dot` was said between groups: `ten dot zero dot zero dot one` gives 10, 0, 0, 1. */
  groups: string[];
  /** It has a word of an amount in it, such as `thousand`. */
  amount: boolean;
  /** One token as it was written, or null. */
  written: string | null;
};

/** A silence as long as this ends a run. Seconds: people look for the card in between. */
const PAUSE = 12;

/**
 * Every stretch of digits. With `letters`, single letters and mixed tokens such as `D1234567` count too, as in the
 * number of a passport.
 */
export function digitRuns(tokens: readonly Token[], from = 0, to = tokens.length): DigitRun[] {
  const runs: DigitRun[] = [];
  let at = from;
  while (at < to) {
    const run = runAt(tokens, at, to);
    if (run) runs.push(run);
    at = run ? run.to : at + 1;
  }
  return runs;
}

function runAt(tokens: readonly Token[], from: number, to: number): DigitRun | null {
  const groups = [''];
  let amount = false;
  let end = from;
  let at = from;
  let last = tokens[from];
  while (at < to) {
    const token = tokens[at];
    if (token === undefined || (last !== undefined && token.start - last.end > PAUSE)) break;
    const next = tokens[at + 1]?.bare ?? '';
    const read = digitsOf(token, next);
    if (read !== null) {
      groups[groups.length - 1] += read.digits;
      at += read.tokens;
      end = at;
      last = tokens[at - 1];
      continue;
    }
    if (end === from) return null;
    if (MAGNITUDE.has(token.bare)) {
      amount = true;
      end = at + 1;
    } else if (token.bare === 'hundred') {
      groups[groups.length - 1] += '00';
      end = at + 1;
    } else if (token.bare === 'dot') groups.push('');
    else if (!BETWEEN.has(token.bare)) break;
    at += 1;
    last = token;
  }
  if (end === from) return null;
  const used = groups.filter((group) => group !== '');
  const only = end - from === 1 ? (tokens[from]?.text ?? null) : null;
  return { from, to: end, digits: used.join(''), groups: used, amount, written: only };
}

function digitsOf(token: Token, next: string): { digits: string; tokens: number } | null {
  const { bare } = token;
  const plain = written(token);
  if (plain !== null) return { digits: plain, tokens: 1 };
  const times = TIMES[bare];
  const repeated = DIGITS[next] ?? (/^\d$/.test(next) ? next : undefined);
  if (times !== undefined && repeated !== undefined) return { digits: repeated.repeat(times), tokens: 2 };
  if (bare in DIGITS) {
    // A lone `o` or `oh` is a digit only beside others; runs are judged by their length.
    return { digits: DIGITS[bare] ?? '', tokens: 1 };
  }
  if (bare in TEENS) return { digits: TEENS[bare] ?? '', tokens: 1 };
  const [tens = '', unit] = bare.split('-');
  if (tens in TENS) {
    if (unit !== undefined)
      return unit in DIGITS ? { digits: `${TENS[tens]}${DIGITS[unit]}`, tokens: 1 } : null;
    const single = DIGITS[next];
    return single !== undefined && single !== '0'
      ? { digits: `${TENS[tens]}${single}`, tokens: 2 }
      : { digits: `${TENS[tens]}0`, tokens: 1 };
  }
  return null;
}

/** The check digit that every payment card has. */
export function passesLuhn(digits: string): boolean {
  const sum = [...digits].toReversed().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

/** A part of an IPv4 address. */
export const isOctet = (text: string): boolean => /^\d{1,3}$/.test(text) && Number(text) <= 255;
