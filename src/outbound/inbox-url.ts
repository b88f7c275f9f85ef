// The one exception to the rule that this server never calls itself: the address of an inbox, which is exactly one path of
// exactly the origin that the operator gave it (or that it listens on). Pure.
import { INBOX_PATH, INBOX_TOKEN } from '../inbox.ts';

/** Whether `url` is an inbox under one of these bases, such as `https://stt.example.org` or `http://127.0.0.1:4747/stt`. */
export function isInboxUrl(url: URL, bases: readonly string[]): boolean {
  return bases.some((base) => {
    if (!URL.canParse(base)) return false;
    const { origin, pathname } = new URL(base);
    const start = pathname.replace(/\/+$/, '') + INBOX_PATH;
    // The WHATWG parser has resolved dots and host spellings; of percent signs and further slashes no token is made.
    return (
      url.origin === origin &&
      url.pathname.startsWith(start) &&
      INBOX_TOKEN.test(url.pathname.slice(start.length))
    );
  });
}
