// Secrets ride in the queries of URLs, and far ends repeat them: in a redirect, in an error page, in JSON. What is shown of
// such URLs and answers goes through here. Pure.
import { Matcher } from './matcher.ts';

const MASK = '…';

/** A URL, whole or relative, with nothing of what its query, its fragment and its user say. Text that is no URL as well. */
export function maskedUrl(text: string): string {
  const end = text.search(/[?#]/);
  const place = end === -1 ? text : text.slice(0, end);
  const shown = place.replace(/^([a-z][a-z\d+.-]*:)?\/\/[^/\\]*@/i, `$1//${MASK}@`);
  return end === -1 ? shown : `${shown}${text[end]}${MASK}`;
}

/** What was asked for, as it is shown: the URLs to call back without their queries. */
export function maskedRequest<T extends object>(request: T): T {
  const { callback_url: url, callback_config: config } = request as {
    callback_url?: unknown;
    callback_config?: { url?: unknown } | null;
  };
  const inner = typeof config === 'object' && config !== null ? config.url : undefined;
  if (typeof url !== 'string' && typeof inner !== 'string') return request;
  return {
    ...request,
    ...(typeof url === 'string' && { callback_url: maskedUrl(url) }),
    ...(typeof inner === 'string' && { callback_config: { ...config, url: maskedUrl(inner) } }),
  };
}

/** Masks in texts of far ends what they repeat of one URL's query, however they write it. */
export type Mask = {
  /** `isCut`: the end of the text was not kept. */
  text(text: string, isCut?: boolean): string;
  /** Bytes that are no text. */
  bytes(bytes: Buffer, isCut: boolean): Buffer;
};

/** Shorter values are everywhere in any text (`1`, `en`): they are masked where their name stands before them. */
const SHORT = 4;
/** As often as something may have been encoded: JSON in JSON in a percent-encoded query. */
const LAYERS = 3;

/** `secrets`: what else went there, such as the values of headers. */
export function maskOf(url: string, secrets: readonly string[] = []): Mask {
  const words = [...wordsOf(url), ...secrets.filter((one) => one.length >= SHORT).map(wordOf)];
  if (words.length === 0) return { text: (text) => text, bytes: (bytes) => bytes };
  const matcher = new Matcher(words.map(({ text }) => text));
  // All as bytes, a character each: an escape is a byte or a few, and what is no text is as good as what is.
  const masked = (bytes: string, isCut: boolean, mask: string): string => {
    const hidden: Span[] = [];
    let layer: Layer | null = { text: bytes, spans: null };
    for (let times = 0; layer && times <= LAYERS; times++) {
      hidden.push(...hiddenIn(layer, { words, matcher, isCut }));
      layer = decoded(layer);
    }
    return without(bytes, hidden, mask);
  };
  return {
    text: (text, isCut = false) => {
      const bytes = Buffer.from(text).toString('latin1');
      const shown = masked(bytes, isCut, Buffer.from(MASK).toString('latin1'));
      return shown === bytes ? text : Buffer.from(shown, 'latin1').toString();
    },
    bytes: (bytes, isCut) => Buffer.from(masked(bytes.toString('latin1'), isCut, '...'), 'latin1'),
  };
}

type Word = {
  text: string;
  /** Characters before and after what is to be hidden of it. */
  before: number;
  after: number;
  /** It must not be a part of a longer name or value. */
  alone: boolean;
};

const wordOf = (text: string): Word => ({
  text: Buffer.from(text).toString('latin1'),
  before: 0,
  after: 0,
  alone: false,
});

function wordsOf(url: string): Word[] {
  if (!URL.canParse(url)) return [];
  const { search, searchParams } = new URL(url);
  if (search.length < 2) return [];
  const words = new Map<string, Word>();
  const add = (text: string, before = 0, after = 0, alone = false) =>
    words.set(text, { text: Buffer.from(text).toString('latin1'), before, after, alone });
  // All of it, as it is written.
  add(search, 1);
  for (const [name, value] of searchParams) {
    // `?s3cret`: the name is the value.
    const said = value === '' ? name : value;
    if (said.length >= SHORT) for (const one of [said, said.replaceAll(' ', '+')]) add(one);
    else if (value !== '')
      for (const [between, end] of BETWEEN)
        add(`${name}${between}${value}${end}`, name.length + between.length, end.length, true);
  }
  return [...words.values()];
}

/** Between a name and its value, and after them: in a query, in JSON, in what programs print. */
const BETWEEN = [
  ['=', ''],
  [': ', ''],
  [":'", "'"],
  [": '", "'"],
  ...['":', '": '].flatMap((between) => [
    [between, ''],
    [`${between}"`, '"'],
    [`${between}["`, '"'],
  ]),
  ["':'", "'"],
  ["': '", "'"],
] as [string, string][];

/** Of the original: from, to. */
type Span = readonly [from: number, to: number];
type Layer = {
  text: string;
  /** Where in the original each character comes from; null: this is the original. */
  spans: readonly Span[] | null;
};

function hiddenIn(
  { text, spans }: Layer,
  { words, matcher, isCut }: { words: readonly Word[]; matcher: Matcher; isCut: boolean },
): Span[] {
  const span = (from: number, to: number): Span =>
    spans ? [spans[from]?.[0] ?? 0, spans[to - 1]?.[1] ?? 0] : [from, to];
  const hidden: Span[] = [];
  const begun = matcher.find(text, (index, end) => {
    const { text: word, before, after, alone } = words[index] as Word;
    const start = end - word.length;
    if (alone && (isWordly(text[start - 1]) || (after === 0 && isWordly(text[end])))) return;
    hidden.push(span(start + before, end - after));
  });
  // What was cut may have cut a value in two: its beginning tells as much.
  if (isCut && begun >= SHORT) hidden.push(span(text.length - begun, text.length));
  return hidden;
}

const isWordly = (character: string | undefined) => character !== undefined && /[\w-]/.test(character);

const ESCAPE =
  /%([0-9a-f]{2})|(\\u[0-9a-f]{4}(?:\\u[0-9a-f]{4})?)|\\(["'\\/])|&(amp|lt|gt|quot|apos);|&#(\d{1,7});|&#x([0-9a-f]{1,6});/gi;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** One layer of escapes taken off: percent, JSON, HTML. Null when there is none. */
function decoded({ text, spans }: Layer): Layer | null {
  const from: Span[] = [];
  const at = (index: number): Span => spans?.[index] ?? [index, index + 1];
  let plain = '';
  let last = 0;
  const keep = (end: number) => {
    for (let index = last; index < end; index++) from.push(at(index));
    plain += text.slice(last, end);
  };
  for (const match of text.matchAll(ESCAPE)) {
    const end = match.index + match[0].length;
    const bytes = bytesOf(match);
    keep(match.index);
    for (const _ of bytes) from.push([at(match.index)[0], at(end - 1)[1]]);
    plain += bytes;
    last = end;
  }
  if (last === 0) return null;
  keep(text.length);
  return { text: plain, spans: from };
}

function bytesOf([, percent, json, quoted, entity, decimal, hex]: RegExpExecArray): string {
  if (percent !== undefined) return String.fromCharCode(Number.parseInt(percent, 16));
  if (quoted !== undefined) return quoted;
  const text =
    json !== undefined
      ? String.fromCharCode(
          ...json
            .split(/\\u/i)
            .slice(1)
            .map((code) => Number.parseInt(code, 16)),
        )
      : entity !== undefined
        ? (ENTITIES[entity.toLowerCase()] ?? '')
        : character(decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? '', 16));
  return Buffer.from(text).toString('latin1');
}

const character = (point: number) => (point <= 0x10ffff ? String.fromCodePoint(point) : '');

function without(text: string, hidden: Span[], mask: string): string {
  if (hidden.length === 0) return text;
  let shown = '';
  let last = 0;
  for (const [from, to] of hidden.sort(([a], [b]) => a - b)) {
    if (to <= last) continue;
    // Where two overlap, or touch, one mask stands for both.
    if (from > last || last === 0) shown += text.slice(last, from) + mask;
    last = to;
  }
  return shown + text.slice(last);
}
