// Streets with and without their number: `42 Wallaby Way`, `forty two wallaby way`, `apartment four B`. Pure.
import type { Finding } from './finding.ts';
import { isNumberWord } from './numbers.ts';
import { endsClause, endsSentence, type Token } from './spoken-text.ts';

const STREET =
  /^(street|st|avenue|ave|road|rd|lane|ln|drive|dr|way|boulevard|blvd|court|ct|place|pl|square|sq|terrace|highway|hwy|parkway|close|crescent|row|alley|trail)$/;
/** Elsewhere the kind comes first: `3 Rue de Rivoli`. */
const STREET_FIRST = /^(rue|via|calle|avenida|piazza|plaza|rua|chemin|corso)$/;
const UNIT = /^(apartment|apt|unit|suite|flat)$/;
/** Between a number and `way` or `street` these make it an everyday phrase: `one of the ways`, `one way or the other`. */
const NO_STREET = /^(the|a|an|of|in|to|by|or|on|at|way|and|this|that|from|is)$/;

export function findStreetAddresses(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  for (const [at, { bare }] of tokens.entries()) {
    if (STREET_FIRST.test(bare)) {
      let to = at + 1;
      while (
        to < tokens.length &&
        to - at < 5 &&
        !endsClause(tokens[to - 1] as Token) &&
        isStreetWord(tokens[to] as Token)
      )
        to += 1;
      const from = houseNumberStart(tokens, at);
      if (to > at + 1) found.push({ type: 'LOCATION_ADDRESS', from, to });
      continue;
    }
    const from = STREET.test(bare) ? streetStart(tokens, at) : UNIT.test(bare) ? at : null;
    if (from === null) continue;
    const to = unitEnd(tokens, UNIT.test(bare) ? at : at + 1);
    if (to > from + 1) found.push({ type: 'LOCATION_ADDRESS', from, to });
  }
  return found;
}

/** Where the street begins whose kind (`street`, `road`) is at `at`; null when it is no street. */
function streetStart(tokens: readonly Token[], at: number): number | null {
  let name = at;
  while (name > 0 && at - name < 4 && isStreetName(tokens[name - 1] as Token)) name -= 1;
  const numbered = houseNumberStart(tokens, name);
  if (numbered < name) return numbered;
  if (name < at && isCapital(tokens[at] as Token)) return name;
  // Without capitals only a number before at most three words makes a street.
  for (let back = 1; back <= 3; back++) {
    const word = tokens[at - back];
    if (word === undefined || NO_STREET.test(word.bare) || endsClause(word)) return null;
    const start = houseNumberStart(tokens, at - back);
    if (start < at - back) return start;
  }
  return null;
}

/** `apartment four B`, `number twelve`: past the end of it, or `at` when there is none. */
function unitEnd(tokens: readonly Token[], at: number): number {
  if (!/^(number|#)$/.test(tokens[at]?.bare ?? '') && !UNIT.test(tokens[at]?.bare ?? '')) return at;
  let to = at + 1;
  while (to < tokens.length && isHouseNumber(tokens[to] as Token)) to += 1;
  if (to === at + 1) return at;
  return /^[a-z]$/.test(tokens[to]?.bare ?? '') ? to + 1 : to;
}

function houseNumberStart(tokens: readonly Token[], at: number): number {
  let from = at;
  while (
    from > 0 &&
    at - from < 6 &&
    isHouseNumber(tokens[from - 1] as Token) &&
    !endsSentence(tokens[from - 1] as Token)
  )
    from -= 1;
  return from;
}

const isCapital = ({ text }: Token) => /^\W*\p{Lu}/u.test(text);
const isStreetWord = (token: Token) =>
  isCapital(token) || /^(d|de|du|des|del|della|di|la|le|las|los)$/.test(token.bare);
const isStreetName = (token: Token) =>
  (isCapital(token) && !endsClause(token) && token.bare.length > 1) || /^\d+(st|nd|rd|th)$/.test(token.bare);
const isHouseNumber = ({ bare }: Token) => /^\d+[a-z]?$/.test(bare) || (bare !== '' && isNumberWord(bare));
