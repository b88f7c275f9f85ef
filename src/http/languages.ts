// Language codes as the hosted API has them, and the other ways in which clients write them. Pure.

export const LANGUAGES: readonly string[] =
  'af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh'.split(
    ' ',
  );

/** "Find out yourself": the same as no language. */
const ANY: ReadonlySet<string> = new Set(['', 'auto', 'automatic', 'detect', 'any', 'multi']);
const OTHERWISE: Readonly<Record<string, string>> = { jv: 'jw', iw: 'he', in: 'id', nb: 'no', fil: 'tl' };
const named = new Intl.DisplayNames(['en'], { type: 'language' });
const BY_NAME = new Map(LANGUAGES.map((code) => [(named.of(code) ?? code).toLowerCase(), code]));

/** `en-US`, `EN`, `english` are `en`; null: any; undefined: nothing that is known. */
export function languageMeant(text: string): string | null | undefined {
  const plain = text.trim().toLowerCase();
  if (ANY.has(plain)) return null;
  const [base = ''] = plain.split(/[-_]/, 1);
  const code = OTHERWISE[base] ?? base;
  if (LANGUAGES.includes(code) || code === 'wo') return code;
  return BY_NAME.get(plain);
}
