import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeAddress, PUBLIC_ONLY, parseNetworks } from '../../src/outbound/address.ts';

const allowing = (...networks: string[]) => ({ allow: parseNetworks(networks), own: [] });
const ok = (address: string, port = 80, policy = PUBLIC_ONLY) => judgeAddress(address, port, policy).ok;

const ipv4 = fc
  .tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
  .map((bytes) => bytes as [number, number, number, number]);
const hex = (high: number, low: number) => ((high << 8) | low).toString(16);

describe('allowed networks', () => {
  it.each([
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '11.1.2.3', true],
    ['10.0.0.0/8', '192.168.0.1', false],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['fd00::/8', 'fd12::1', true],
    ['::1', '::1', true],
    ['127.0.0.0/8', '::1', false],
    ['169.254.169.254/32', '169.254.169.254', true],
    // A NAT64 address is judged by the IPv4 address inside, here too.
    ['64:ff9b::/96', '64:ff9b::808:808', true],
    ['64:ff9b::/96', '64:ff9b::7f00:1', false],
    ['64:ff9b::/96', '64:ff9b::a9fe:a9fe', false],
    ['10.0.0.0/8', '64:ff9b::10.1.2.3', true],
    ['10.0.0.0/8', '64:ff9b::192.168.0.1', false],
    // The inner address is judged as well, so opening a local NAT64 opens nothing internal.
    ['64:ff9b:1::/48', '64:ff9b:1::808:808', true],
    ['64:ff9b:1::/48', '64:ff9b:1::a00:1', false],
    ['127.0.0.0/8', '::ffff:127.0.0.1', false],
    ['2002::/16', '2002:a00:1::1', false],
    ['2001::/32', '2001:0:4136:e378:8000:63bf:f5ff:fffe', false],
  ])('%s lets %s pass: %s', (network, address, expected) => {
    expect(ok(address, 80, allowing(network))).toBe(expected);
  });

  it('with a port, for that port only, even an otherwise refused one', () => {
    const policy = allowing('10.1.2.3/32:22', '[::1]:8080', '127.0.0.1:9000');
    expect(ok('10.1.2.3', 22, policy)).toBe(true);
    expect(ok('10.1.2.3', 80, policy)).toBe(false);
    expect(ok('10.1.2.4', 22, policy)).toBe(false);
    expect(ok('8.8.8.8', 22, policy)).toBe(false);
    expect(ok('::1', 8080, policy)).toBe(true);
    expect(ok('127.0.0.1', 9000, policy)).toBe(true);
    expect(ok('127.0.0.1', 9001, policy)).toBe(false);
  });

  it('a network without a port does not open the ports of other services', () => {
    expect(ok('10.0.0.1', 6379, allowing('10.0.0.0/8'))).toBe(false);
  });

  it.each(['10.0.0.0/33', 'fd00::/129', 'example.com', '10.0.0/8', '10.0.0.0/8:0', '10.0.0.0/8:70000', ''])(
    '"%s" is refused with its name',
    (entry) => {
      expect(() => parseNetworks([entry])).toThrow(`RINGBACK_ALLOW_NETWORKS: "${entry}" is not a network`);
    },
  );

  it('the port of an allowed IPv4 network is that of the same address behind a NAT64, and ours stays closed there too', () => {
    const policy = {
      allow: parseNetworks(['10.1.2.3/32:22']),
      own: [{ address: '93.184.216.34', port: 4747 }],
    };
    expect(ok('64:ff9b::10.1.2.3', 22, policy)).toBe(true);
    expect(ok('64:ff9b::10.1.2.3', 80, policy)).toBe(false);
    expect(ok('64:ff9b::93.184.216.34', 4748, policy)).toBe(true);
    expect(judgeAddress('64:ff9b::93.184.216.34', 4747, policy)).toMatchObject({ reason: 'own_listener' });
  });

  it('our own listener stays closed', () => {
    const policy = { allow: parseNetworks(['::/0', '0.0.0.0/0']), own: [{ address: '::1', port: 4747 }] };
    expect(judgeAddress('0:0:0:0:0:0:0:1', 4747, policy)).toMatchObject({
      ok: false,
      reason: 'own_listener',
    });
    expect(ok('::1', 4748, policy)).toBe(true);
  });
});

describe('properties', () => {
  it('every IPv4 address gets the same answer as its definition by hand', () => {
    // Control: written apart from the table, from the registry's text.
    const special = ([a, b, c, d]: [number, number, number, number]) =>
      a === 0 ||
      a === 10 ||
      a === 127 ||
      a >= 224 ||
      (a === 100 && b >= 64 && b < 128) ||
      (a === 169 && b === 254) ||
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168) ||
      (a === 192 && b === 0 && (c === 0 || c === 2)) ||
      (a === 192 && b === 31 && c === 196) ||
      (a === 192 && b === 52 && c === 193) ||
      (a === 192 && b === 88 && c === 99) ||
      (a === 192 && b === 175 && c === 48) ||
      (a === 198 && (b === 18 || b === 19)) ||
      (a === 198 && b === 51 && c === 100) ||
      (a === 203 && b === 0 && c === 113) ||
      (a === 168 && b === 63 && c === 129 && d === 16);
    fc.assert(
      fc.property(ipv4, (bytes) => {
        expect(ok(bytes.join('.'))).toBe(!special(bytes));
      }),
      { numRuns: 2_000 },
    );
  });

  it('no IPv6 form that carries an IPv4 address passes, but for NAT64, judged by that address', () => {
    fc.assert(
      fc.property(ipv4, ([a, b, c, d]) => {
        const low = `${hex(a, b)}:${hex(c, d)}`;
        const flipped = `${hex(a ^ 255, b ^ 255)}:${hex(c ^ 255, d ^ 255)}`;
        for (const address of [
          `::ffff:${low}`,
          `::${low}`,
          `::ffff:0:${low}`,
          `64:ff9b:1::${low}`,
          `2002:${low}::1`,
          `2001::${flipped}`,
          `2606:4700::5efe:${low}`,
          `2606:4700::200:5efe:${low}`,
        ])
          expect(ok(address), address).toBe(false);
        expect(ok(`64:ff9b::${low}`)).toBe(ok([a, b, c, d].join('.')));
      }),
    );
  });

  it('nothing outside 2000::/3 passes, and judging never throws', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const verdict = judgeAddress(address, 80, PUBLIC_ONLY);
        const first = Number.parseInt(address.split(':')[0] || '0', 16);
        if (first < 0x2000 || first > 0x3fff) expect(verdict.ok).toBe(false);
      }),
      { numRuns: 2_000 },
    );
    fc.assert(fc.property(fc.string(), (text) => void judgeAddress(text, 80, PUBLIC_ONLY)));
  });
});
