// Numbers and secrets that stand for a person: of a phone, a card, an account, a passport; a user name, a password. What
// they are is told by their form and by what they are called just before. Pure.
import type { EntityType } from '../entity-types.ts';
import { type Finding, wordsBefore } from './finding.ts';
import { type DigitRun, digitRuns, isNumberWord, isOctet, passesLuhn } from './numbers.ts';
import { endsClause, type Token, withoutOwner } from './spoken-text.ts';

export function findAccountNumbers(tokens: readonly Token[]): Finding[] {
  return [...labelled(tokens), ...numbers(tokens), ...expirations(tokens)];
}

type Cue = { type: EntityType; says: RegExp };

/** What a number is called before it is said; the first that fits counts. */
const CUES: readonly Cue[] = [
  { type: 'DOB', says: /\b(born|birthday|birthdate|birth|dob)\b/ },
  { type: 'SSN', says: /\b(social|ssn|social security)\b/ },
  {
    type: 'CVV',
    says: /\b(cvv|cvc|cv2|security code|card code|(digits|code|number) on the back|on the back)\b/,
  },
  { type: 'ROUTING_NUMBER', says: /\b(routing|sort code|aba)\b/ },
  { type: 'BANK_ACCOUNT', says: /\b(iban|bank account|checking account|savings account|bank)\b/ },
  { type: 'PASSPORT_NUMBER', says: /\bpassport\b/ },
  { type: 'DRIVER_LICENSE', says: /\b(driver'?s? (license|licence)|driving licen[cs]e|driver)\b/ },
  {
    type: 'VEHICLE_ID',
    says: /\b(license plate|licence plate|number plate|plate|plates|vin|registration)\b/,
  },
  {
    type: 'HEALTHCARE_NUMBER',
    says: /\b(medical record|mrn|medicare|medicaid|nhs|health (insurance|plan|card)|patient (id|number))\b/,
  },
  { type: 'PASSWORD', says: /\b(pin|pin (number|code)|passcode|one time code|verification code)\b/ },
  {
    type: 'CREDIT_CARD',
    says: /\b(card|visa|mastercard|amex|american express|discover|debit|credit|ends in|ending in|last four|last 4)\b/,
  },
  { type: 'LOCATION_ZIP', says: /\b(zip|zip code|zipcode|postal code|postcode|post code)\b/ },
  {
    type: 'ACCOUNT_NUMBER',
    says: /\b(account|policy|member|membership|customer|client|reference|confirmation|order|booking|case|ticket|claim|invoice|tracking|serial|employee|student|loan|ends with)\b/,
  },
  {
    type: 'PHONE_NUMBER',
    says: /\b(phone|call|cell|mobile|telephone|fax|number|reach|dial|text|extension)\b/,
  },
];

/** How far back the name of a number is looked for: in its own sentence and the one before (`Your card? Four one…`). */
const CUE_WORDS = 9;

function cueBefore(tokens: readonly Token[], at: number): EntityType | null {
  const words = wordsBefore(tokens, at, CUE_WORDS);
  let nearest: { type: EntityType; index: number } | null = null;
  for (const { type, says } of CUES) {
    const index = [...words.matchAll(new RegExp(says.source, 'g'))].at(-1)?.index ?? -1;
    // `card` in `security code on the card` must not win over the longer name: the table's order decides near ties.
    if (index >= 0 && (nearest === null || index > nearest.index + 24)) nearest = { type, index };
  }
  return nearest?.type ?? null;
}

const SHORT: ReadonlySet<EntityType> = new Set(['CVV', 'PASSWORD']);

function numbers(tokens: readonly Token[]): Finding[] {
  return digitRuns(tokens).flatMap((run) => {
    const type = kindOf(run, tokens);
    if (type === null) return [];
    const areaCode = /(^| )area code $/.test(wordsBefore(tokens, run.from, 2)) ? 2 : 0;
    return [{ type, from: run.from - areaCode, to: run.to }];
  });
}

function kindOf(run: DigitRun, tokens: readonly Token[]): EntityType | null {
  const { digits, written } = run;
  const count = digits.length;
  if (run.amount || isAmount(run, tokens)) return null;
  if (run.groups.length === 4 && run.groups.every(isOctet)) return 'IP_ADDRESS';
  if (written !== null && /^\W*\d{3}-\d{2}-\d{4}\W*$/.test(written)) return 'SSN';
  const plus = (tokens[run.from]?.text ?? '').startsWith('+');
  if (plus && count >= 7) return 'PHONE_NUMBER';
  const cue = cueBefore(tokens, run.from);
  if (count >= 13 && count <= 19 && passesLuhn(digits)) return 'CREDIT_CARD';
  if (cue !== null && cue !== 'PHONE_NUMBER') {
    if (cue === 'DOB') return count >= 3 && count <= 8 ? cue : count > 8 ? 'NUMERICAL_PII' : null;
    if (cue === 'LOCATION_ZIP') return count >= 4 && count <= 9 ? cue : null;
    if (SHORT.has(cue)) return count >= 3 && count <= 8 ? cue : count > 8 ? 'NUMERICAL_PII' : null;
    if (cue === 'CREDIT_CARD' && count < 13) return count === 4 || count >= 8 ? 'CREDIT_CARD' : null;
    return count >= 3 ? cue : null;
  }
  if (count <= 4 && count >= 3 && / (on|at) the back /.test(wordsBefore(tokens, run.to + 7, 7))) return 'CVV';
  if (count >= 2 && count <= 6 && / (extension|ext) (is |number )?$/.test(wordsBefore(tokens, run.from, 2)))
    return 'PHONE_NUMBER';
  if (isYears(run, tokens)) return null;
  if (count === 10 || (count === 11 && digits.startsWith('1'))) return 'PHONE_NUMBER';
  if (count >= 7 && count <= 15 && (cue === 'PHONE_NUMBER' || count === 7)) return 'PHONE_NUMBER';
  if (count === 5 && followsPlace(tokens, run.from)) return 'LOCATION_ZIP';
  return count >= 6 ? 'NUMERICAL_PII' : null;
}

/** `$1200`, `five hundred dollars`, `12 000 people`: a quantity, which identifies nobody. */
function isAmount(run: DigitRun, tokens: readonly Token[]): boolean {
  if (/[$£€]/.test(tokens[run.from]?.text ?? '') || /%/.test(tokens[run.to - 1]?.text ?? '')) return true;
  const unit = tokens[run.to]?.bare ?? '';
  return /^(dollars?|bucks|cents?|euros?|pounds?|percent|%|miles?|kilomet(er|re)s?|meters?|feet|people|users|points|times|years?|months?|weeks?|days?|hours?|minutes?|seconds?|degrees)$/.test(
    unit,
  );
}

/** Nothing but years: `in 2019, 2020 and 2021`, `nineteen eighty`. */
function isYears(run: DigitRun, tokens: readonly Token[]): boolean {
  const { digits } = run;
  if (digits.length % 4 !== 0 || digits.length > 12) return false;
  const years = digits.match(/.{4}/g) ?? [];
  const singles = tokens
    .slice(run.from, run.to)
    .filter(({ bare }) => /^(\d|zero|oh|one|two|three|four|five|six|seven|eight|nine)$/.test(bare));
  return singles.length <= years.length && years.every((year) => /^(19|20)/.test(year));
}

function followsPlace(tokens: readonly Token[], at: number): boolean {
  const previous = tokens[at - 1];
  return previous !== undefined && /^\p{Lu}/u.test(previous.text) && previous.bare.length > 1;
}

/** `oh nine twenty seven` after the word expiration. */
function expirations(tokens: readonly Token[]): Finding[] {
  return tokens.flatMap((token, at): Finding[] => {
    if (!/^(expir(y|es|ation|ing)|exp|through|thru)$/.test(token.bare)) return [];
    if (/^thr/.test(token.bare) && !/ (good|valid) $/.test(wordsBefore(tokens, at, 1))) return [];
    const from = at + 1;
    const run = digitRuns(tokens, from, from + 10)[0];
    if (run && run.digits.length >= 3 && run.digits.length <= 6)
      return [{ type: 'CREDIT_CARD_EXPIRATION', from: run.from, to: run.to }];
    const slashed = tokens.slice(from, from + 8).findIndex(({ bare }) => /^\d{1,2}\/\d{2,4}$/.test(bare));
    return slashed < 0
      ? []
      : [{ type: 'CREDIT_CARD_EXPIRATION', from: from + slashed, to: from + slashed + 1 }];
  });
}

type Label = {
  type: EntityType;
  says: RegExp;
  /** Words rather than letters and digits: a password, a user name. */
  words?: true;
};

const LABELS: readonly Label[] = [
  { type: 'PASSPORT_NUMBER', says: /\bpassport( number| no)?$/ },
  { type: 'DRIVER_LICENSE', says: /\b(driver'?s?|driving) licen[cs]e( number| no)?$/ },
  { type: 'VEHICLE_ID', says: /\b(licen[cs]e plate|number plate|plates?|vin|registration)( number| no)?$/ },
  {
    type: 'HEALTHCARE_NUMBER',
    says: /\b(medical record|mrn|medicare|medicaid|nhs|health (insurance|plan|card)|patient)( id| number| no)?$/,
  },
  { type: 'BANK_ACCOUNT', says: /\b(iban|bank account|swift)( number| code| no)?$/ },
  {
    type: 'ACCOUNT_NUMBER',
    says: /\b(account|policy|member(ship)?|customer|client|reference|confirmation|order|booking|case|ticket|claim|tracking|serial|employee|student)( id| number| code| no)?$/,
  },
  { type: 'PASSWORD', says: /\b(password|passcode|passphrase)$/, words: true },
  {
    type: 'USERNAME',
    says: /\b(username|user name|user id|login|screen name|handle|twitter|instagram)$/,
    words: true,
  },
];
const FILLERS = new Set(['is', "it's", 'was', 'number', 'ends', 'with', 'in', 'of', 'the', 'uh', 'um', '']);
/** In a spelling: `W as in whiskey`, `B for bravo`. */
const SPELLING = new Set([
  'as',
  'in',
  'for',
  'like',
  'dash',
  'hyphen',
  'slash',
  'underscore',
  'dot',
  'capital',
]);

/** What follows the name of a number that may have letters in it, or the word password. */
function labelled(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  for (const at of tokens.keys()) {
    const words = withoutOwner(wordsBefore(tokens, at + 1, 4).trim());
    const label = LABELS.find(({ says }) => says.test(words));
    if (!label) continue;
    let from = at + 1;
    while (from < tokens.length && FILLERS.has(tokens[from]?.bare ?? '')) from += 1;
    const to = label.words ? secretEnd(tokens, from, at) : spelledEnd(tokens, from);
    if (to > from) found.push({ type: label.type, from, to });
  }
  return found;
}

/** A password goes to the end of its clause, six words at most; without `is` it is only talked about. */
function secretEnd(tokens: readonly Token[], from: number, label: number): number {
  const said = / (is|it's|was) $/.test(wordsBefore(tokens, from, from - label));
  if (!said && !/['’]s$/.test(tokens[label]?.text ?? '')) return from;
  let to = from;
  while (to < tokens.length && to - from < 6) {
    to += 1;
    if (endsClause(tokens[to - 1] as Token)) break;
  }
  return to;
}

const isSign = (token: Token | undefined): boolean =>
  token !== undefined &&
  (SPELLING.has(token.bare) ||
    /^([a-z]|[a-z0-9-]*\d[a-z0-9-]*)$/.test(token.bare) ||
    isNumberWord(token.bare));

/** Letters, digits and mixed tokens in a row: three signs with a digit among them, or four letters. */
function spelledEnd(tokens: readonly Token[], from: number): number {
  let to = from;
  let at = from;
  let signs = 0;
  let digits = 0;
  while (at < tokens.length) {
    const bare = tokens[at]?.bare ?? '';
    // `… double four. I have`: the word, not the letter.
    if (/^[ia]$/.test(bare) && !isSign(tokens[at + 1])) break;
    const number = digitRuns(tokens, at, at + 2)[0];
    if (number?.from === at) {
      at = number.to;
      signs += number.digits.length;
      digits += number.digits.length;
      to = at;
    } else if (
      /^[a-z]$/.test(bare) ||
      /^(?=.*\d)[a-z0-9-]+$/.test(bare) ||
      /^[A-Z]{2,6}$/.test(tokens[at]?.text.replace(/\W+$/, '') ?? '')
    ) {
      signs += bare.length;
      digits += bare.replaceAll(/\D/g, '').length;
      at += 1;
      to = at;
    } else if (SPELLING.has(bare) && to > from) {
      // The word a letter is explained with goes along.
      at += bare === 'in' || bare === 'for' || bare === 'like' ? 2 : 1;
    } else break;
  }
  return signs >= (digits > 0 ? 3 : 4) ? to : from;
}
