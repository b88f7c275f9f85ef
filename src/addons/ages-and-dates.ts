// Ages, dates, dates of birth and sums of money, in figures or in words. Pure.
import { type Finding, wordsBefore } from './finding.ts';
import { digitRuns, isNumberWord } from './numbers.ts';
import { endsClause, endsSentence, type Token } from './spoken-text.ts';

export function findAgesAndDates(tokens: readonly Token[]): Finding[] {
  return [...ages(tokens), ...dates(tokens), ...amounts(tokens)];
}

const isNumber = ({ bare }: Token) => /^\d+$/.test(bare) || (bare !== '' && isNumberWord(bare));

function numberBefore(tokens: readonly Token[], at: number): number {
  let from = at;
  while (from > 0 && at - from < 3 && isNumber(tokens[from - 1] as Token)) from -= 1;
  return from;
}

const DECADE = /^(twenties|thirties|forties|fifties|sixties|seventies|eighties|nineties|teens)$/;
/** `A 27-year-old`, `seventy-one-year-olds`. */
const HYPHENED = /^[a-z0-9]+(-[a-z0-9]+)?-(year|month|week)s?-olds?$/;

function ages(tokens: readonly Token[]): Finding[] {
  return [...tokens.keys()].flatMap((at): Finding[] => {
    const bare = tokens[at]?.bare ?? '';
    if (HYPHENED.test(bare)) return [{ type: 'AGE', from: numberBefore(tokens, at), to: at + 1 }];
    if (/^(years?|months?|weeks?|days?)(-old)?$/.test(bare)) {
      const old = bare.endsWith('old') ? 1 : tokens[at + 1]?.bare === 'old' ? 2 : 0;
      const from = numberBefore(tokens, at);
      return old > 0 && from < at ? [{ type: 'AGE', from, to: at + old }] : [];
    }
    if (DECADE.test(bare)) {
      const owned = / (my|his|her|their|our|your) ((early|mid|late) )?$/.test(wordsBefore(tokens, at, 3));
      return owned ? [{ type: 'AGE', from: at, to: at + 1 }] : [];
    }
    return ageAfter(tokens, at);
  });
}

/** `aged forty`, `I'm seventy one now`, `he'd be about forty.` */
function ageAfter(tokens: readonly Token[], at: number): Finding[] {
  const sure = /^(aged?|turned|turning|turns)$/.test(tokens[at]?.bare ?? '');
  if (!sure && !isAgeVerb(tokens, at)) return [];
  let from = at + 1;
  while (/^(about|around|nearly|almost|over|only|just|like|now|is)$/.test(tokens[from]?.bare ?? ''))
    from += 1;
  let to = from;
  while (to < tokens.length && to - from < 3 && isNumber(tokens[to] as Token)) to += 1;
  const value = Number(digitRuns(tokens, from, to)[0]?.digits ?? Number.NaN);
  // Anything may be counted after `I'm five …`; an age ends there, or at a word that goes on with the sentence.
  const last = tokens[to - 1];
  const closed =
    sure ||
    to >= tokens.length ||
    (last !== undefined && endsClause(last)) ||
    /^(now|today|already|and|but|so|this|next|in|on|when|years)$/.test(tokens[to]?.bare ?? '');
  return to > from && closed && value <= 120 ? [{ type: 'AGE', from, to }] : [];
}

const RELATIVES =
  'i|he|she|you|who|son|daughter|wife|husband|mother|father|mom|dad|brother|sister|kid|child|baby|patient|grandson|granddaughter';

/** `I'm`, `she is`, `my daughter is`, `he'd be`. */
function isAgeVerb(tokens: readonly Token[], at: number): boolean {
  const bare = tokens[at]?.bare ?? '';
  if (/^(i'm|you're|he's|she's)$/.test(bare)) return true;
  if (bare === 'be') return /^(i|he|she|they)'(d|ll)$/.test(tokens[at - 1]?.bare ?? '');
  return /^(am|is|was|are)$/.test(bare) && new RegExp(`^(${RELATIVES})$`).test(tokens[at - 1]?.bare ?? '');
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
    const born = /\b(born|birth|birthday|birthdate|dob)\b/.test(wordsBefore(tokens, from, 8));
    found.push({ type: born ? 'DOB' : 'DATE', from, to });
  };
  for (const [at, { bare, text }] of tokens.entries()) {
    if (/^(\d{4}[/.-]\d{1,2}[/.-]\d{1,2}|\d{1,2}[/.-]\d{1,2}[/.-](\d\d|\d{4}))$/.test(bare)) add(at, at + 1);
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
