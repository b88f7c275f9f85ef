// Finds what identifies a person by form and by the words around it: phone, card and account numbers, e-mail and web
// addresses, street addresses, ages, dates, passwords; written or spoken. Made for redaction, so in doubt it finds.
// Pure.
import type { EntityType } from '../entity-types.ts';
import { type DigitRun, digitRuns, isNumberWord, passesLuhn } from './numbers.ts';
import { endsClause, endsSentence, type SpokenText, type Token } from './spoken-text.ts';

/** Tokens of one channel, half open. */
export type Finding = {
  type: EntityType;
  from: number;
  to: number;
  /** Taken for what it is only because nothing else is known about it: redacted, but not listed as an entity. */
  uncertain?: true;
};

export function findIdentifiers({ tokens }: SpokenText): Finding[] {
  return [
    ...emails(tokens),
    ...webAddresses(tokens),
    ...ipAddresses(tokens),
    ...labelled(tokens),
    ...numbers(tokens),
    ...expirations(tokens),
    ...streets(tokens),
    ...ages(tokens),
    ...dates(tokens),
    ...amounts(tokens),
  ];
}

/** The bare words before a token, nearest last. */
const before = (tokens: readonly Token[], at: number, count: number): string =>
  ` ${tokens
    .slice(Math.max(0, at - count), at)
    .map(({ bare }) => bare)
    .join(' ')} `;
const after = (tokens: readonly Token[], at: number, count: number): string =>
  ` ${tokens
    .slice(at, at + count)
    .map(({ bare }) => bare)
    .join(' ')} `;

// Addresses on the net

const TOP_LEVEL = new Set(
  'com org net edu gov mil io co uk us ca au de fr es it nl ch at be eu info biz dev app ai me tv in ie nz za jp cn br mx se no fi dk pl pt'.split(
    ' ',
  ),
);
const DOTS = new Set(['dot', 'period']);
const JOINTS = new Set(['dot', 'period', 'underscore', 'dash', 'hyphen', 'minus', 'plus', 'point']);
const WRITTEN_DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+([a-z]{2,24})$/;
/** Before `at`, these make it the word of everyday: `look at example dot com`. */
const NO_MAILBOX = new Set(
  'look looks looked looking is are was were be been it them us me you him her available order ordered shop bought find found go see that this page site website visit go online up here there or and by'.split(
    ' ',
  ),
);
const MAIL_CUE = /(^| )(e-?mails?|mail|address|reach|write|contact|send|sent|inbox|gmail|it)( |$)/;

/** Tokens of a domain that begins at `at`, or 0. */
function domainAt(tokens: readonly Token[], at: number): number {
  const first = tokens[at];
  if (first === undefined) return 0;
  const whole = WRITTEN_DOMAIN.exec(first.bare);
  if (whole && TOP_LEVEL.has(whole[1] ?? '')) return 1;
  // Up to three words a label: `acme widgets dot com`.
  for (let label = 1; label <= 3; label++) {
    let end = at + label;
    let last = '';
    while (DOTS.has(tokens[end]?.bare ?? '') && /^[a-z0-9-]+$/.test(tokens[end + 1]?.bare ?? '')) {
      last = tokens[end + 1]?.bare ?? '';
      end += 2;
    }
    if (TOP_LEVEL.has(last)) return end - at;
    if (endsSentence(tokens[at + label - 1] ?? first)) break;
  }
  return 0;
}

function emails(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  for (const [at, token] of tokens.entries()) {
    if (/[^@\s]@[^@\s]+\.[^@\s]/.test(token.text)) {
      found.push({ type: 'EMAIL_ADDRESS', from: at, to: at + 1 });
      continue;
    }
    if (token.bare !== 'at' && token.text !== '@') continue;
    const domain = domainAt(tokens, at + 1);
    if (domain === 0) continue;
    const from = mailboxBefore(tokens, at);
    if (from < at) found.push({ type: 'EMAIL_ADDRESS', from, to: at + 1 + domain });
  }
  return found;
}

/** Where the mailbox that ends before `at` begins: as far back as it is spelled, or to the words that announce it. */
function mailboxBefore(tokens: readonly Token[], at: number): number {
  const word = (index: number) => tokens[index]?.bare ?? '';
  if (at === 0 || NO_MAILBOX.has(word(at - 1))) return at;
  let from = at - 1;
  const spelled = (index: number) => /^[a-z0-9]$/.test(word(index)) || isNumberWord(word(index));
  for (;;) {
    if (from >= 2 && JOINTS.has(word(from - 1))) from -= 2;
    else if (from >= 1 && (spelled(from - 1) || spelled(from)) && mayContinue(tokens, from - 1)) from -= 1;
    else break;
  }
  // Announced, everything since the announcement belongs to it.
  for (let back = from; back > Math.max(0, at - 9); back--)
    if (/^(is|to|it's|that's|at|email|e-mail|address|sure|okay|yes|yeah|uh|um)$/.test(word(back - 1))) {
      const announced =
        MAIL_CUE.test(before(tokens, back, 4).trim()) || endsClause(tokens[back - 1] as Token);
      if (announced) from = Math.min(from, back);
      break;
    }
  return from;
}

function mayContinue(tokens: readonly Token[], at: number): boolean {
  const token = tokens[at];
  return (
    token !== undefined &&
    !endsSentence(token) &&
    /^[a-z0-9]+$/.test(token.bare) &&
    !/^(is|at|to|it|on|or|and|the|my|our|me|email|address|a|i)$/.test(token.bare)
  );
}

function webAddresses(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  for (const [at, { text, bare }] of tokens.entries()) {
    if (/^[("']*(https?:\/\/|www\.)\S/i.test(text)) {
      found.push({ type: 'URL', from: at, to: at + 1 });
      continue;
    }
    const slash = /^([a-z0-9.-]+)\/\S+$/.exec(bare)?.[1];
    if (slash !== undefined && TOP_LEVEL.has(WRITTEN_DOMAIN.exec(slash)?.[1] ?? '')) {
      found.push({ type: 'URL', from: at, to: at + 1 });
      continue;
    }
    // The shortest name that makes a domain: `go to example dot com` is two words less than it could be.
    if (DOTS.has(bare) || DOTS.has(tokens[at + 1]?.bare ?? '') || WRITTEN_DOMAIN.test(bare)) {
      const length = DOTS.has(bare) ? 0 : domainAt(tokens, at);
      if (length === 0) continue;
      let to = at + length;
      while (tokens[to]?.bare === 'slash' && tokens[to + 1] !== undefined) to += 2;
      const www = /^w+$/.test(tokens[at - 2]?.bare ?? '') && DOTS.has(tokens[at - 1]?.bare ?? '');
      found.push({ type: 'URL', from: www ? at - 2 : at, to });
    }
  }
  return found;
}

const octet = (text: string) => /^\d{1,3}$/.test(text) && Number(text) <= 255;

function ipAddresses(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  for (const [at, { bare, text }] of tokens.entries()) {
    const parts = bare.split('.');
    const six = text.replaceAll(/^[[("]+|[\])".,;!?]+$/g, '');
    const isSix = /^[0-9a-f:]+$/i.test(six) && six.split(':').length >= 4 && /[0-9a-f]/i.test(six);
    if ((parts.length === 4 && parts.every(octet)) || isSix)
      found.push({ type: 'IP_ADDRESS', from: at, to: at + 1 });
  }
  for (const { from, to, groups } of digitRuns(tokens))
    if (groups.length === 4 && groups.every(octet)) found.push({ type: 'IP_ADDRESS', from, to });
  return found;
}

// Numbers that stand for a person

type Cue = { type: EntityType; says: RegExp };

/** What a number is called before it is said; the first that fits counts. */
const CUES: readonly Cue[] = [
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
  const words = before(tokens, at, CUE_WORDS);
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
    const areaCode = /(^| )area code $/.test(before(tokens, run.from, 2)) ? 2 : 0;
    return [{ type, from: run.from - areaCode, to: run.to }];
  });
}

function kindOf(run: DigitRun, tokens: readonly Token[]): EntityType | null {
  const { digits, written } = run;
  const count = digits.length;
  if (run.amount || isAmount(run, tokens)) return null;
  if (run.groups.length === 4 && run.groups.every(octet)) return 'IP_ADDRESS';
  if (written !== null && /^\W*\d{3}-\d{2}-\d{4}\W*$/.test(written)) return 'SSN';
  const plus = (tokens[run.from]?.text ?? '').startsWith('+');
  if (plus && count >= 7) return 'PHONE_NUMBER';
  const cue = cueBefore(tokens, run.from);
  if (count >= 13 && count <= 19 && passesLuhn(digits)) return 'CREDIT_CARD';
  if (cue !== null && cue !== 'PHONE_NUMBER') {
    if (cue === 'LOCATION_ZIP') return count >= 4 && count <= 9 ? cue : null;
    if (SHORT.has(cue)) return count >= 3 && count <= 8 ? cue : count > 8 ? 'NUMERICAL_PII' : null;
    if (cue === 'CREDIT_CARD' && count < 13) return count === 4 || count >= 8 ? 'CREDIT_CARD' : null;
    if (cue === 'ACCOUNT_NUMBER' && count < 3) return null;
    if (count >= 4 || (count >= 3 && cue === 'ACCOUNT_NUMBER')) return cue;
    return null;
  }
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
    if (!/^(expir(y|es|ation|ing)|exp)$/.test(token.bare)) return [];
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
    says: /\b(account|policy|member(ship)?|customer|client|reference|confirmation|order|booking|case|ticket|claim|tracking|serial|employee|student)( id| number| code| no)$/,
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
    const words = before(tokens, at + 1, 4).trim();
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
  if (!/ (is|it's|was) $/.test(before(tokens, from, from - label))) return from;
  let to = from;
  while (to < tokens.length && to - from < 6) {
    to += 1;
    if (endsClause(tokens[to - 1] as Token)) break;
  }
  return to;
}

/** Letters, digits and mixed tokens in a row, with at least one digit and three signs in all. */
function spelledEnd(tokens: readonly Token[], from: number): number {
  let to = from;
  let at = from;
  let signs = 0;
  let digits = 0;
  while (at < tokens.length) {
    const bare = tokens[at]?.bare ?? '';
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
  return digits > 0 && signs >= 3 ? to : from;
}

// Places, ages, days, amounts

const STREET =
  /^(street|st|avenue|ave|road|rd|lane|ln|drive|dr|way|boulevard|blvd|court|ct|place|pl|square|sq|terrace|highway|hwy|parkway|close|crescent|row|alley|trail)$/;

/** `42 Wallaby Way`, `one hundred twelve Maple Street`, and a named street without its number. */
function streets(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  for (const [at, { bare, text }] of tokens.entries()) {
    if (!STREET.test(bare)) continue;
    let from = at;
    while (from > 0 && at - from < 4 && isStreetName(tokens[from - 1] as Token)) from -= 1;
    const named = from < at;
    let number = from;
    while (number > 0 && from - number < 6 && isHouseNumber(tokens[number - 1] as Token)) number -= 1;
    if (number < from && !endsSentence(tokens[from - 1] as Token)) from = number;
    else if (!named || !/^\p{Lu}/u.test(text)) {
      // Without capitals, only a number before at most three words makes a street: `forty two wallaby way`.
      number = at;
      for (let back = 1; back <= 3 && at - back > 0; back++)
        if (isHouseNumber(tokens[at - back - 1] as Token)) {
          number = at - back - 1;
          break;
        }
      if (number === at || before(tokens, at, at - number).match(/ (the|a|of|in|to|by|or|way|and|this) /))
        continue;
      while (number > 0 && isHouseNumber(tokens[number - 1] as Token)) number -= 1;
      from = number;
    }
    let to = at + 1;
    const unit = after(tokens, to, 2).trim();
    if (/^(apartment|apt|unit|suite|flat|number|#) /.test(unit) && isHouseNumber(tokens[to + 1] as Token)) {
      to += 2;
      while (to < tokens.length && isHouseNumber(tokens[to] as Token)) to += 1;
    }
    found.push({ type: 'LOCATION_ADDRESS', from, to });
  }
  return found;
}

const isStreetName = (token: Token) =>
  (/^\p{Lu}/u.test(token.text) && !endsClause(token) && token.bare.length > 1) ||
  /^\d+(st|nd|rd|th)$/.test(token.bare);
const isHouseNumber = ({ bare }: Token) => /^\d+[a-z]?$/.test(bare) || (bare !== '' && isNumberWord(bare));

const numberWordsBefore = (tokens: readonly Token[], at: number): number => {
  let from = at;
  while (from > 0 && at - from < 3 && isHouseNumber(tokens[from - 1] as Token)) from -= 1;
  return from;
};

function ages(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  for (const [at, token] of tokens.entries()) {
    const { bare } = token;
    if (/^[\w]+(-[\w]+)?-(year|month|week)s?-old$/.test(bare) || /^(\d+|[a-z]+)-year-old$/.test(bare))
      found.push({ type: 'AGE', from: numberWordsBefore(tokens, at), to: at + 1 });
    else if (/^(years?|months?|weeks?)(-old)?$/.test(bare)) {
      const old = bare.endsWith('old') ? 1 : tokens[at + 1]?.bare === 'old' ? 2 : 0;
      const from = numberWordsBefore(tokens, at);
      if (old > 0 && from < at) found.push({ type: 'AGE', from, to: at + old });
    } else if (/^(twenties|thirties|forties|fifties|sixties|seventies|eighties|nineties|teens)$/.test(bare)) {
      if (/ (my|his|her|their|our|your) ((early|mid|late) )?$/.test(before(tokens, at, 3)))
        found.push({ type: 'AGE', from: at, to: at + 1 });
    } else if (/^(aged?|turned|turning|turns)$/.test(bare) || isAgeVerb(tokens, at)) {
      let to = at + 1;
      while (to < tokens.length && to - at <= 3 && isHouseNumber(tokens[to] as Token)) to += 1;
      const value = digitRuns(tokens, at + 1, to)[0]?.digits ?? '';
      const last = tokens[to - 1];
      const closed =
        last !== undefined && (endsClause(last) || to >= tokens.length || !isAgeVerb(tokens, at));
      const unit = tokens[to]?.bare ?? '';
      if (
        to > at + 1 &&
        closed &&
        value.length <= 3 &&
        Number(value) <= 120 &&
        !/^(percent|dollars?|minutes?|hours?|of|miles?)$/.test(unit)
      )
        found.push({ type: 'AGE', from: at + 1, to });
    }
  }
  return found;
}

/** `I'm`, `she is`, `my daughter is`: an age when a number and nothing else follows. */
function isAgeVerb(tokens: readonly Token[], at: number): boolean {
  const bare = tokens[at]?.bare ?? '';
  if (/^(i'm|he's|she's|you're)$/.test(bare)) return true;
  return (
    /^(am|is|was|are)$/.test(bare) &&
    / (i|he|she|you|son|daughter|wife|husband|mother|father|mom|dad|brother|sister|kid|child|baby|patient|grandson|granddaughter) $/.test(
      before(tokens, at, 1),
    )
  );
}

const MONTH =
  /^(january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)$/;
const ORDINAL =
  /^(\d{1,2}(st|nd|rd|th)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth|(twenty|thirty)-(first|second|third|fourth|fifth|sixth|seventh|eighth|ninth))$/;
const isDayOrYear = ({ bare }: Token) =>
  ORDINAL.test(bare) || /^\d{1,4}$/.test(bare) || isNumberWord(bare) || bare === 'thousand';

function dates(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  const add = (from: number, to: number) => {
    const born = /\b(born|birth|birthday|birthdate|dob)\b/.test(before(tokens, from, 8));
    found.push({ type: born ? 'DOB' : 'DATE', from, to });
  };
  for (const [at, { bare, text }] of tokens.entries()) {
    if (/^\d{1,4}[/.-]\d{1,2}[/.-]\d{2,4}$/.test(bare)) add(at, at + 1);
    if (!MONTH.test(bare)) continue;
    let from = at;
    let to = at + 1;
    if (tokens[from - 1]?.bare === 'of' && ORDINAL.test(tokens[from - 2]?.bare ?? '')) from -= 2;
    else if (ORDINAL.test(tokens[from - 1]?.bare ?? '') || /^\d{1,2}$/.test(tokens[from - 1]?.bare ?? ''))
      from -= 1;
    if (from < at && /^(twenty|thirty)$/.test(tokens[from - 1]?.bare ?? '')) from -= 1;
    while (to < tokens.length && to - at <= 7) {
      const token = tokens[to] as Token;
      if (endsSentence(tokens[to - 1] as Token)) break;
      if (isDayOrYear(token)) to += 1;
      else if (
        /^(and|the|of|in)$/.test(token.bare) &&
        to + 1 < tokens.length &&
        isDayOrYear(tokens[to + 1] as Token)
      )
        to += 2;
      else break;
    }
    if (to - from === 1) continue;
    // A verb in lower case is no month: `you may one day`, `they march twenty miles`.
    if (/^(may|march)$/.test(bare) && from === at && !/^\p{Lu}/u.test(text)) continue;
    add(from, to);
  }
  return found;
}

function amounts(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  for (const [at, { text, bare }] of tokens.entries()) {
    if (/^["'(]*[$£€]\d/.test(text)) {
      const scaled = /^(thousand|million|billion|trillion)$/.test(tokens[at + 1]?.bare ?? '');
      found.push({ type: 'MONEY', from: at, to: at + (scaled ? 2 : 1) });
    }
    if (!/^(dollars?|bucks|cents?|euros?|pounds?|yen|rupees?|pesos?)$/.test(bare)) continue;
    let from = at;
    while (from > 0 && at - from < 10 && isAmountWord(tokens[from - 1] as Token)) from -= 1;
    while (from < at && tokens[from]?.bare === 'and') from += 1;
    if (from < at) found.push({ type: 'MONEY', from, to: at + 1 });
  }
  return found;
}

const isAmountWord = ({ bare }: Token) =>
  /^[\d.,]+$/.test(bare) ||
  (bare !== '' && isNumberWord(bare)) ||
  /^(thousand|million|billion|trillion|and)$/.test(bare);
