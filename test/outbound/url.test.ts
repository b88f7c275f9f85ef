import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PUBLIC_ONLY, parseNetworks } from '../../src/outbound/address.ts';
import { judgeUrl, URL_REFUSALS } from '../../src/outbound/url.ts';

const reason = (url: string, ...networks: string[]) => {
  const verdict = judgeUrl(url, { allow: parseNetworks(networks), own: [] });
  return verdict.ok ? 'ok' : verdict.reason;
};

describe('reasons', () => {
  it.each([
    ['https://example.com/hook?token=a%20b', 'ok'],
    ['https://example.com:8443/', 'ok'],
    ['http://example.com:3000/', 'ok'],
    [' https://example.com/ ', 'ok'],
    ['<https://example.com/hook>', 'angle_brackets'],
    ['https://example.com/hook>', 'angle_brackets'],
    ['< https://example.com/hook', 'angle_brackets'],
    ['https://example.com/\n', 'control_character'],
    ['example.com/hook', 'unparsable'],
    ['', 'unparsable'],
    ['ftp://example.com/', 'scheme'],
    ['https://user@example.com/', 'userinfo'],
    ['https://:secret@example.com/', 'userinfo'],
    ['https://example..com/', 'host'],
    ['https://example.com:444/', 'port'],
    ['https://example.com:5432/', 'port'],
    ['https://localhost/', 'private_name'],
    ['https://10.0.0.1/', 'not_public'],
  ])('%j: %s', (url, expected) => {
    expect(reason(url)).toBe(expected);
  });

  it('names the angle brackets', () => {
    expect(judgeUrl('<https://example.com>', PUBLIC_ONLY)).toMatchObject({
      message: expect.stringContaining('angle brackets'),
    });
  });

  it('each has a sentence that says what to do', () => {
    for (const message of Object.values(URL_REFUSALS)) expect(message).toMatch(/: |^Only http/);
  });
});

describe('an allowed network', () => {
  it('makes private names reachable, to be judged by their addresses', () => {
    for (const host of ['localhost', 'foo.localhost', 'nas.local', 'vault.internal', 'receiver'])
      expect(reason(`http://${host}:8080/`, '127.0.0.0/8')).toBe('ok');
  });

  it('opens a port it names and no other', () => {
    expect(reason('http://10.0.0.1:22/', '10.0.0.1/32:22')).toBe('ok');
    expect(reason('http://10.0.0.1:23/', '10.0.0.1/32:22')).toBe('port');
  });

  it('allows its literals only', () => {
    expect(reason('http://[::1]/', '::1/128')).toBe('ok');
    expect(reason('http://127.0.0.1/', '::1/128')).toBe('not_public');
  });
});

it('takes any text without throwing, and what it lets pass is http without user info', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.webUrl({ withFragments: true, withQueryParameters: true })),
      (text) => {
        const verdict = judgeUrl(text, PUBLIC_ONLY);
        if (verdict.ok) {
          expect(verdict.target.url.protocol).toMatch(/^https?:$/);
          expect(verdict.target.url.username).toBe('');
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
