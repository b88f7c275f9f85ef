// E-mail, web and IP addresses, written or spoken: `john at example dot com`. Pure.
import { type Finding, wordsBefore } from './finding.ts';
import { digitRuns, isNumberWord, isOctet } from './numbers.ts';
import { endsClause, endsSentence, type Token } from './spoken-text.ts';

export function findNetAddresses(tokens: readonly Token[]): Finding[] {
  return [...emails(tokens), ...webAddresses(tokens), ...ipAddresses(tokens)];
}

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
const PROVIDERS = new Set('gmail googlemail hotmail outlook yahoo icloud aol protonmail'.split(' '));
const MAIL_CUE = /(^| )(e-?mails?|mail|address|reach|write|contact|send|sent|inbox|gmail|it)( |$)/;

/** Tokens of a domain that begins at `at`, or 0. */
function domainAt(tokens: readonly Token[], at: number): number {
  const first = tokens[at];
  if (first === undefined) return 0;
  const whole = WRITTEN_DOMAIN.exec(first.bare);
  if (whole && TOP_LEVEL.has(whole[1] ?? '')) return 1;
  // The recogniser may miss the dot of what it knows well: `hotmail com`.
  if (PROVIDERS.has(first.bare) && TOP_LEVEL.has(tokens[at + 1]?.bare ?? '')) return 2;
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
    const host = tokens[at + 1]?.bare === 'sign' ? at + 2 : at + 1;
    const domain = domainAt(tokens, host);
    if (domain === 0) continue;
    const from = mailboxBefore(tokens, at);
    if (from < at) found.push({ type: 'EMAIL_ADDRESS', from, to: host + domain });
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
    else if (from >= 4 && word(from - 3) === 'as' && word(from - 2) === 'in') from -= 4;
    else if (from >= 1 && (spelled(from - 1) || spelled(from)) && mayContinue(tokens, from - 1)) from -= 1;
    else break;
  }
  // Announced, everything since the announcement belongs to it.
  for (let back = from; back > Math.max(0, at - 9); back--)
    if (/^(is|to|it's|that's|at|email|e-mail|address|sure|okay|yes|yeah|uh|um)$/.test(word(back - 1))) {
      const announced =
        MAIL_CUE.test(wordsBefore(tokens, back, 4).trim()) || endsClause(tokens[back - 1] as Token);
      if (announced) from = Math.min(from, back);
      break;
    } else if (endsSentence(tokens[back - 1] as Token)) break;
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

function ipAddresses(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  for (const [at, { bare, text }] of tokens.entries()) {
    const parts = bare.split('.');
    const six = text.replaceAll(/^[[("]+|[\])".,;!?]+$/g, '');
    const isSix = /^[0-9a-f:]+$/i.test(six) && six.split(':').length >= 4 && /[0-9a-f]/i.test(six);
    if ((parts.length === 4 && parts.every(isOctet)) || isSix)
      found.push({ type: 'IP_ADDRESS', from: at, to: at + 1 });
  }
  for (const { from, to, groups } of digitRuns(tokens))
    if (groups.length === 4 && groups.every(isOctet)) found.push({ type: 'IP_ADDRESS', from, to });
  return found;
}
