// The models here know English. Asked for other languages only, we say so instead of writing nonsense. Pure.
import { JobError } from '../errors.ts';

const SPOKEN = ['en'];

/** Throws `language_unsupported` when languages are named and English is not among them; the older spellings count. */
export function refuseLanguage(request: Readonly<Record<string, unknown>>): void {
  const listed = (key: string) =>
    (request[key] as { languages?: string[] | null } | null | undefined)?.languages ?? [];
  const ways = [
    listed('language_config'),
    typeof request.language === 'string' ? [request.language] : [],
    request.enable_code_switching === true ? listed('code_switching_config') : [],
  ];
  const asked = ways.find((codes) => codes.length > 0) ?? [];
  // `auto` and `english` come from older clients.
  const codes = asked.map((code) => code.toLowerCase()).filter((code) => code !== '' && code !== 'auto');
  if (codes.length === 0 || codes.some((code) => SPOKEN.includes(code) || code === 'english')) return;
  throw new JobError(
    'language_unsupported',
    `The speech model speaks English only, and ${codes.join(', ')} was asked for: add en to language_config.languages, or leave it out.`,
  );
}
