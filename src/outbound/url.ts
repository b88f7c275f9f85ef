// Which URLs may be called, judged from their text alone: the first gate, used when a URL is given and again when it is
// called. Pure; names are judged by their addresses later (request.ts), because a name may point elsewhere by then.
import { isIP } from 'node:net';
import { type AddressPolicy, isPortAllowed, judgeAddress } from './address.ts';
import { isInboxUrl } from './inbox-url.ts';

/** Why a URL is refused, with the sentence for the person who gave it. Repeats nothing they did not write. */
export const URL_REFUSALS = {
  angle_brackets: 'The URL is wrapped in angle brackets: remove the "<" and the ">".',
  control_character:
    'The URL contains a line break, a tab or another control character: remove it, or percent-encode it.',
  too_long: 'The URL is too long: shorten it.',
  unparsable: 'This is not a complete URL: write it like https://example.com/path.',
  scheme: 'Only http and https URLs can be called.',
  userinfo:
    'The URL holds a user name or password before an "@": remove it, and put a token in the path or the query instead.',
  host: 'The host name of the URL is not valid: each part between dots takes 1 to 63 characters.',
  port: 'This port is not called: use 80, 443, or a port from 1024 up that does not belong to a database or another well-known service.',
  private_name:
    'The host is a name of a private network (a single word, or one ending in .localhost, .local, .internal or .home.arpa), and only the public internet is called: use a public host name, or let the operator add the network to RINGBACK_ALLOW_NETWORKS.',
  not_public:
    'The host is not on the public internet, and nothing else is called: use a public address, or let the operator add the network to RINGBACK_ALLOW_NETWORKS.',
  own_listener: 'The URL points back at this server itself: give the address of your own receiver.',
} as const;
export type UrlRefusal = keyof typeof URL_REFUSALS;

/** Refused for where the URL leads, not for how it is written. */
export const ADDRESS_REFUSALS: ReadonlySet<UrlRefusal> = new Set([
  'port',
  'private_name',
  'not_public',
  'own_listener',
]);

export type Target = {
  readonly url: URL;
  /** For DNS and TLS: lower case, no brackets, no trailing dot. */
  readonly host: string;
  /** 4 or 6 when the host is an address, 0 when it is a name. */
  readonly literal: number;
  readonly port: number;
  readonly secure: boolean;
  /** An inbox of this server: its address is the operator's, and not judged. */
  readonly inbox: boolean;
};

export type UrlVerdict =
  | { readonly ok: true; readonly target: Target }
  | { readonly ok: false; readonly reason: UrlRefusal; readonly message: string };

/** Characters of a URL to call back; what is written with an attempt and indexed by endpoint stays small. */
export const MAX_URL_LENGTH = 2_048;
/** Of an `audio_url`: signed ones of object stores, with a session token in them, take 1,000 to 6,000. */
export const MAX_AUDIO_URL_LENGTH = 8_192;
const PRIVATE_SUFFIXES = ['localhost', 'local', 'internal', 'home.arpa'];

/**
 * Parses with the WHATWG parser and no other: what is judged is exactly what is called. `maxLength` in characters.
 * Private names pass only when the operator allows some network; their addresses are then judged like any other.
 */
export function judgeUrl(
  text: string,
  policy: AddressPolicy,
  maxLength: number = MAX_URL_LENGTH,
): UrlVerdict {
  if (/^\s*<.*>?\s*$/s.test(text) || /^[^<]*>\s*$/s.test(text)) return refuse('angle_brackets');
  // The parser drops or encodes these silently, so they are looked for in the raw text.
  if (hasControlCharacter(text)) return refuse('control_character');
  if (text.length > maxLength)
    return {
      ok: false,
      reason: 'too_long',
      message: `The URL has ${text.length} characters, and at most ${maxLength} are taken: shorten it.`,
    };
  if (!URL.canParse(text)) return refuse('unparsable');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return refuse('scheme');
  if (url.username !== '' || url.password !== '') return refuse('userinfo');

  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const inbox = isInboxUrl(url, policy.inboxes ?? []);
  if (!inbox && !isPortAllowed(port, policy)) return refuse('port');

  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const literal = isIP(host);
  const target = { url, host, literal, port, secure, inbox };
  if (inbox) return { ok: true, target };
  if (literal !== 0) {
    const verdict = judgeAddress(host, port, policy);
    return verdict.ok ? { ok: true, target } : refuse(verdict.reason);
  }
  const labels = host.split('.');
  if (host.length > 253 || labels.some((label) => label.length < 1 || label.length > 63))
    return refuse('host');
  if (isPrivateName(host) && policy.allow.length === 0) return refuse('private_name');
  return { ok: true, target };
}

/** Names the public DNS does not serve: single words, and the private suffixes. Lower case, no trailing dot. */
export function isPrivateName(host: string): boolean {
  return (
    !host.includes('.') || PRIVATE_SUFFIXES.some((suffix) => host === suffix || host.endsWith(`.${suffix}`))
  );
}

function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

function refuse(reason: UrlRefusal): UrlVerdict {
  return { ok: false, reason, message: URL_REFUSALS[reason] };
}
