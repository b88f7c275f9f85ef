// How a spelling sounds, roughly, and how alike two sounds are. The rules are those of English spelling; they are used
// for what was heard and for what is looked for alike, so that most of their errors cancel out. Pure.
//
// A phoneme is one character. Capitals: S (sh, zh), C (ch), J (j), T (th), N (ng); the vowels E (day), A (eye), O (boy),
// W (now); @ is a vowel hardly heard. A letter of another script is its own phoneme.

/** The first rule that matches at a place gives its phonemes; a letter without a rule is its own. */
const RULES: readonly (readonly [spelling: RegExp, phonemes: string])[] = [
  [/^(?:kn|gn|pn)/y, 'n'],
  [/^wr/y, 'r'],
  [/^ps/y, 's'],
  [/^x/y, 'z'],
  [/^wh(?=o)/y, 'h'],
  [/^mc/y, 'mk'],
  [/[tsc]io(?=n)/y, 'S@'],
  [/[tsc]ia(?=[ln])/y, 'S@'],
  [/ture(?=s?$)/y, 'C@r'],
  [/tch|cz/y, 'C'],
  [/sch(?=[wlmn])|sh|sz/y, 'S'],
  [/sch/y, 'sk'],
  [/sc(?=[eiy])/y, 's'],
  [/ch(?=[rl])/y, 'k'],
  [/ch/y, 'C'],
  [/th/y, 'T'],
  [/ph/y, 'f'],
  [/wh/y, 'w'],
  [/rh/y, 'r'],
  [/kh|ck|cq|cc(?![eiy])/y, 'k'],
  [/dge?(?=[eiy]|$)/y, 'J'],
  [/gu(?=[eiy])|gh(?=[aeiou])/y, 'g'],
  [/igh/y, 'A'],
  [/[ao]ugh/y, 'o'],
  [/gh/y, ''],
  [/ng(?=[aeiouy])/y, 'Ng'],
  [/ng/y, 'N'],
  [/n(?=k)/y, 'N'],
  [/qu/y, 'kw'],
  [/c(?=[eiy])/y, 's'],
  [/g(?=[eiy])/y, 'J'],
  [/[cq]/y, 'k'],
  [/x/y, 'ks'],
  [/mb$/y, 'm'],
  // Of a doubled consonant the second counts.
  [/([bdfgklmnprstvz])(?=\1)/y, ''],
  [/ai|ay|ei|ey(?!$)/y, 'E'],
  [/ee|ea|ie|ey/y, 'i'],
  [/oo|ou|ue|ew|eu|ui/y, 'u'],
  [/oi|oy/y, 'O'],
  [/ow/y, 'W'],
  [/oa|oe|au|aw/y, 'o'],
  [/a(?=[^aeiouywx]es?$)/y, 'E'],
  [/i(?=[^aeiouywx]es?$)/y, 'A'],
  [/[aeiou](?=rs?$)/y, '@'],
  [/(?<=[^aeiou])e(?=s?$)/y, ''],
  [/y(?=[aeiou])/y, 'y'],
  [/y/y, 'i'],
  [/j/y, 'J'],
];

const SIGN_NAMES: Readonly<Record<string, string>> = Object.fromEntries(
  `a E,b bi,c si,d di,e i,f ef,g Ji,h EC,i A,j JE,k kE,l el,m em,n en,o o,p pi,q kyu,r ar,s es,t ti,u yu,v vi,w d@b@lyu,
x eks,y wA,z zi,0 ziro,1 wan,2 tu,3 Tri,4 for,5 fAv,6 siks,7 sev@n,8 Et,9 nAn`
    .split(/,\s*/)
    .map((pair) => pair.split(' ') as [string, string]),
);

/** Letters that Unicode does not take apart. */
const WHOLE: Readonly<Record<string, string>> = {
  ß: 'ss',
  ø: 'o',
  ł: 'l',
  æ: 'e',
  œ: 'e',
  đ: 'd',
  ð: 'th',
  þ: 'th',
};

/** Small letters without their marks. */
export const plain = (text: string): string =>
  text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[ßøłæœđðþ]/g, (letter) => WHOLE[letter] ?? letter);

const nameOf = (sign: string): string => SIGN_NAMES[sign] ?? sign;

function soundOf(word: string): string {
  let sound = '';
  for (let at = 0; at < word.length; ) {
    const start = at;
    for (const [spelling, phonemes] of RULES) {
      spelling.lastIndex = start;
      if (!spelling.test(word)) continue;
      sound += phonemes;
      at = spelling.lastIndex;
      break;
    }
    if (at === start) sound += word[at++];
  }
  return sound;
}

const CAPITALS = /^\p{Lu}{2,}$/u;
const NOT_SAID_AS_WORD = /^(?:.{2,3}|[^aeiou]+)$/;

/** `GitLab` sounds like `git lab`; `SQL`, `S3` and the i of `iPhone` by the names of their signs. */
export function phonemesOf(text: string): string {
  const parts = text.match(/\p{Lu}{2,}(?![\p{Ll}\p{M}])|\p{Lu}?[\p{Ll}\p{M}]+|[\p{L}\p{M}]+|\p{N}/gu) ?? [];
  return parts
    .map((part) => {
      const word = plain(part);
      const byName =
        word.length === 1
          ? text !== part || word !== 'a'
          : CAPITALS.test(part) && NOT_SAID_AS_WORD.test(word);
      return byName ? [...word].map(nameOf).join('') : soundOf(word);
    })
    .join('');
}

const VOWELS = 'aeiouEAOW@';
/** Sounds that are easily taken for one another. */
const NEAR = ['pb', 'td', 'kg', 'fv', 'szST', 'SCJ', 'Tfdtv', 'mnN', 'lr', 'wv', 'yi', 'wu', 'Cts', 'Jd'];
const NEAR_COST = 0.4;
const VOWEL_COST = 0.35;
const HARDLY_HEARD_COST = 0.2;
const WEIGHTS: Readonly<Record<string, number>> = { '@': 0.3, h: 0.4, y: 0.5, w: 0.6, r: 0.7 };

/** What a phoneme adds to a sound, and so what it costs to leave it out. */
export const weightOf = (phoneme: string): number => WEIGHTS[phoneme] ?? (VOWELS.includes(phoneme) ? 0.5 : 1);

/** What it costs to hear `b` where `a` was said. */
export function exchangeCost(a: string, b: string): number {
  if (a === b) return 0;
  if (VOWELS.includes(a) && VOWELS.includes(b))
    return a === '@' || b === '@' ? HARDLY_HEARD_COST : VOWEL_COST;
  if (NEAR.some((group) => group.includes(a) && group.includes(b))) return NEAR_COST;
  return Math.max(weightOf(a), weightOf(b));
}
