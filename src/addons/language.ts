// What three language libraries know of a text: compromise (people, places, organisations), wink-nlp (dates, durations,
// amounts) and VADER (the mood of a sentence). The only file that loads them: about a second and 100 MB, so only a thread
// of its own imports it.
import nlp from 'compromise/three';
import vader from 'vader-sentiment';
import model from 'wink-eng-lite-web-model';
import winkNLP, { type ItemEntity } from 'wink-nlp';
import type { EntityType } from '../entity-types.ts';
import type { Finding } from './finding.ts';
import { endsSentence, type SpokenText, type Token, tokensAt } from './spoken-text.ts';

const wink = winkNLP(model, ['pos', 'ner']);
const { its } = wink;

/** Words at a time, cut where an utterance begins: compromise gets slower the longer its text. */
const PIECE = 1_500;

/** People, places, organisations, nationalities, dates, times, durations and amounts of one channel. */
export function findNames(spoken: SpokenText): Finding[] {
  return pieces(spoken).flatMap(({ text, offset }) => {
    const at = (from: number, to: number) => tokensAt(spoken, offset + from, offset + to);
    return [...fromCompromise(text, spoken.tokens, at), ...fromWink(text, spoken.tokens, at)];
  });
}

type Range = { from: number; to: number };
type Place = (from: number, to: number) => Range;
type Piece = { text: string; offset: number };

function pieces({ text, tokens, breaks }: SpokenText): Piece[] {
  const cuts: number[] = [];
  let last = 0;
  for (const start of breaks)
    if (start - last >= PIECE && start < tokens.length) {
      cuts.push(start);
      last = start;
    }
  return [0, ...cuts].flatMap((start, index) => {
    const first = tokens[start];
    const next = cuts[index];
    const end = tokens[(next ?? tokens.length) - 1];
    if (first === undefined || end === undefined) return [];
    return [{ text: text.slice(first.from, end.to), offset: first.from }];
  });
}

type Term = { text: string; tags: string[] };
type Match = { offset: { start: number; length: number }; terms: Term[] };
const matches = (view: { json: (options: object) => unknown }) => view.json({ offset: true }) as Match[];
const has = ({ terms }: Match, ...tags: string[]) =>
  terms.some((term) => tags.some((tag) => term.tags.includes(tag)));

const TITLE =
  /^(mr|mrs|ms|miss|mister|dr|doctor|prof|professor|sir|madam|ma'am|nurse|officer|judge|captain|sergeant|senator|president|reverend|father|sister|aunt|uncle)$/;

function fromCompromise(text: string, tokens: readonly Token[], place: Place): Finding[] {
  const doc = nlp(text);
  const found: Finding[] = [];
  const add = (match: Match, type: EntityType | null, uncertain = false) => {
    const range = place(match.offset.start, match.offset.start + match.offset.length);
    while (range.from < range.to && TITLE.test(tokens[range.from]?.bare ?? '')) range.from += 1;
    if (range.from === range.to) return;
    const kind = type ?? (range.to - range.from > 1 ? 'NAME' : 'NAME_GIVEN');
    found.push({ type: kind, ...range, ...(uncertain && { uncertain }) });
  };
  for (const person of matches(doc.people() as never)) {
    const single =
      person.terms.filter(({ text: word }) => !TITLE.test(word.toLowerCase().replace('.', ''))).length === 1;
    add(
      person,
      single && has(person, 'LastName', 'Honorific') && !has(person, 'FirstName') ? 'NAME_FAMILY' : null,
    );
  }
  for (const where of matches(doc.places() as never)) add(where, placeType(where));
  for (const group of matches(doc.organizations() as never))
    if (!group.terms.every((term) => CAPITALISED.test(term.text))) add(group, 'ORGANIZATION');
  for (const people of matches(doc.match('#Demonym+') as never)) add(people, 'ORIGIN');
  // A capital that nothing explains is more often a rare name than anything else; where a sentence begins, only when it
  // is no word of everyday.
  for (const proper of matches(doc.match('#ProperNoun+') as never)) {
    const { from } = place(proper.offset.start, proper.offset.start + proper.offset.length);
    if (!has(proper, ...EXPLAINED) && !isOrdinary(proper.terms[0]?.text ?? '', tokens, from))
      add(proper, 'NAME', true);
  }
  return found;
}

const EXPLAINED = ['Person', 'Place', 'Organization', 'Demonym', 'Date', 'Pronoun', 'Acronym', 'Honorific'];

function placeType(match: Match): EntityType {
  if (has(match, 'Address')) return 'LOCATION_ADDRESS';
  if (match.terms.length > 1 && has(match, 'City') && has(match, 'Country', 'Region')) return 'LOCATION';
  if (has(match, 'City')) return 'LOCATION_CITY';
  if (has(match, 'Country')) return 'LOCATION_COUNTRY';
  return has(match, 'Region') ? 'LOCATION_STATE' : 'LOCATION';
}

const KINDS: Record<string, EntityType> = {
  DATE: 'DATE',
  TIME: 'TIME',
  DURATION: 'DURATION',
  MONEY: 'MONEY',
  URL: 'URL',
};
/** `today`, `on Monday` and `this morning` are no dates and no times of a clock. */
const CALENDAR =
  /\d|first|second|third|[a-z]{3,}th\b|one|two|three|four|five|six|seven|eight|nine|ten|twenty|january|february|april|june|july|august|september|october|november|december/i;

function fromWink(text: string, tokens: readonly Token[], place: Place): Finding[] {
  const doc = wink.readDoc(text);
  // wink drops the white space it was given: its tokens are found again one after the other.
  const words = doc.tokens().out() as string[];
  const tags = doc.tokens().out(its.pos) as string[];
  const starts: number[] = [];
  let cursor = 0;
  for (const word of words) {
    const at = text.indexOf(word, cursor);
    starts.push(at < 0 ? cursor : at);
    if (at >= 0) cursor = at + word.length;
  }
  const found: Finding[] = [];
  doc.entities().each((entity: ItemEntity) => {
    const { type, value } = entity.out(its.detail) as unknown as { type: string; value: string };
    const kind = KINDS[type];
    if (kind === undefined || (/^(DATE|TIME)$/.test(kind) && !CALENDAR.test(value))) return;
    const [first = 0, last = first] = entity.out(its.span) as unknown as number[];
    const from = starts[first] ?? 0;
    found.push({ type: kind, ...place(from, (starts[last] ?? from) + (words[last]?.length ?? 0)) });
  });
  for (const [index, tag] of tags.entries()) {
    const word = words[index] ?? '';
    const from = starts[index] ?? 0;
    if (!/^\p{Lu}\p{L}+/u.test(word)) continue;
    // `Bill and Joan signed`: taken for a verb or a thing, though it is a first name too.
    const first = /FirstName|MaleName|FemaleName/.test(tagsOf(word.toLowerCase()) ?? '');
    const range = place(from, from + word.length);
    if (CAPITALISED.test(word) || (!first && (tag !== 'PROPN' || isOrdinary(word, tokens, range.from))))
      continue;
    if (!TITLE.test(tokens[range.from]?.bare ?? '')) found.push({ type: 'NAME', ...range, uncertain: true });
  }
  return found;
}

/** Written with a capital anywhere, and nobody's name. */
const CAPITALISED =
  /^((mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october|november|december|okay|ok|yes|yeah|no|god|internet|christmas|easter|english|spanish|i|ip|id|pin|iban|ssn|tv|pc|atm|faq|url|api|am|pm|cvv|vin|dob|gps|usb|pdf|sms)$/i;
const ENDING = /(tion|sion|ment|ness|ity|ing|ed|ly|able|ible|ous|ive|ance|ence)s?$/;
const KNOWN = (nlp.model() as { one: { lexicon: Record<string, string | string[]> } }).one.lexicon;
const NAMES = /Name|Person|Place|City|Country|Region|Organization|ProperNoun/;

/** A word of everyday, which has a capital only because a sentence begins with it. */
function isOrdinary(word: string, tokens: readonly Token[], at: number): boolean {
  const bare = word.toLowerCase().replaceAll(/[^\p{L}'-]/gu, '');
  if (CAPITALISED.test(bare)) return true;
  const [before, token] = [tokens[at - 1], tokens[at]];
  if (before && before.utterance === token?.utterance && !endsSentence(before)) return false;
  const known = tagsOf(bare);
  return known === null ? ENDING.test(bare) : !NAMES.test(known);
}

const tagsOf = (bare: string): string | null => (Object.hasOwn(KNOWN, bare) ? String(KNOWN[bare]) : null);

/** Of one sentence, from -1 to 1. */
export const moodOf = (sentence: string): number =>
  vader.SentimentIntensityAnalyzer.polarity_scores(sentence).compound;
