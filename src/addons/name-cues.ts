// People's names by what is said around them: `my name is …`, `Mrs. …`, `thank you, …`, letters in a row. Finds what no
// list of names has. Pure.
import type { Finding } from './finding.ts';
import { endsClause, endsSentence, type Token } from './spoken-text.ts';

/** After these, names follow in whatever case they are written. */
const SURE =
  /(^| )(my name is|my name's|name is|names is|last name is|first name is|surname is|maiden name is|name's|named|mr|mrs|ms|miss|mister|dr|doctor|professor)$/;
/** After these, words with a capital are names. */
const LIKELY =
  /(^| )(this is|call me|i'm|i am|it's|it is|here is|he's|she's|speaking with|speak with|speak to|speaking to|spoke with|spoke to|talk to|talk with|talking to|talked to|ask for|call for|calling for|hi|hello|hey|thanks|thank you|dear|morning|afternoon|evening|okay|bye|goodbye|tell|told|sincerely|regards|patient|husband|wife|son|daughter|brother|sister|mother|father|friend|colleague|boss|manager|behalf of|sent it to|for|with|to|and|by|from|said|says|asked)$/;
/** In answers: `Can you spell your last name?` */
const SPELL = /\b(spell|spelled|spelling|spells|name)\b/;
/** Words of everyday, with a capital or without, that are no part of a name. */
export const NO_NAME: ReadonlySet<string> = new Set(
  "a an the and or but so if i i'm i've i'll i'd you he she it we they this that these those there here what who when where why how not no yes yeah okay ok please thanks thank can could would do does did have has had let very really just calling speaking going looking sorry happy sure fine good great well my your his her our their is was are be been to from in on at for of with by about as mr mrs ms miss dr monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december".split(
    ' ',
  ),
);
const mayBeName = ({ bare }: Token) => /^\p{L}[\p{L}'-]+$/u.test(bare) && !NO_NAME.has(bare);
const hasCapital = ({ text }: Token) => /^\W*\p{Lu}/u.test(text);

export function findNamesByCue(tokens: readonly Token[]): Finding[] {
  return [...introduced(tokens), ...spelled(tokens), ...particled(tokens)];
}

function introduced(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  for (let at = 1; at < tokens.length; at++) {
    const previous = tokens[at - 1] as Token;
    const said = tokens
      .slice(Math.max(0, at - 4), at)
      .map(({ bare }) => bare)
      .join(' ');
    const sure = SURE.test(said) && !endsSentence(previous);
    const likely = LIKELY.test(said) && !endsSentence(previous);
    if (!sure && !likely) continue;
    let to = at;
    while (to < tokens.length && to - at < 3) {
      const token = tokens[to] as Token;
      // In a text without capitals only the first two words after a sure cue can be meant.
      const fits =
        hasCapital(token) || (sure && (to === at || (to === at + 1 && !hasCapital(tokens[at] as Token))));
      if (!fits || !mayBeName(token)) break;
      to += 1;
      if (endsClause(token)) break;
    }
    if (to > at)
      found.push({
        type:
          to - at > 1
            ? 'NAME'
            : /\b(mr|mrs|ms|miss|mister|dr|doctor|professor|last name is|surname is|maiden name is)$/.test(
                  said,
                )
              ? 'NAME_FAMILY'
              : 'NAME_GIVEN',
        from: at,
        to,
        ...(!sure && { uncertain: true as const }),
      });
  }
  return found;
}

const isLetter = ({ bare }: Token) => /^[a-z](-[a-z])*$/.test(bare);

/** `Van der Berg`, `Ludwig van Beethoven`, `bin Rashid`. */
const PARTICLE = /^(van|von|der|den|de|del|della|di|da|dos|du|la|le|bin|ibn|al|el|ter|ten|zu)$/;

function particled(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  for (const at of tokens.keys()) {
    if (!PARTICLE.test(tokens[at]?.bare ?? '')) continue;
    let to = at;
    while (PARTICLE.test(tokens[to]?.bare ?? '')) to += 1;
    const name = tokens[to];
    if (name === undefined || !hasCapital(name) || !mayBeName(name) || endsClause(tokens[to - 1] as Token))
      continue;
    const given = tokens[at - 1];
    const from = given && hasCapital(given) && mayBeName(given) && !endsClause(given) ? at - 1 : at;
    found.push({ type: 'NAME', from, to: to + 1, uncertain: true });
  }
  return found;
}

/** `S M I T H`, `S-M-I-T-H`: four letters, or three when a name or a spelling was spoken of shortly before. */
function spelled(tokens: readonly Token[]): Finding[] {
  const found: Finding[] = [];
  let at = 0;
  while (at < tokens.length) {
    let to = at;
    while (to < tokens.length && isLetter(tokens[to] as Token)) to += 1;
    const letters = tokens.slice(at, to).reduce((sum, { bare }) => sum + bare.replaceAll('-', '').length, 0);
    const said = tokens
      .slice(Math.max(0, at - 14), at)
      .map(({ bare }) => bare)
      .join(' ');
    if (letters >= 4 || (letters >= 3 && SPELL.test(said))) found.push({ type: 'NAME', from: at, to });
    at = Math.max(to, at + 1);
  }
  return found;
}
