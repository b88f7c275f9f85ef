// Which IP addresses may be called: public global unicast, and the networks the operator allows. Pure; every
// connection to an address somebody else chose is judged here, once before it is made and once on the open socket.
//
// Ranges: IANA IPv4 and IPv6 Special-Purpose Address Registries (2026), refused whole, even the few globally
// reachable rows (AS112, AMT, ORCHIDv2): no receiver lives there. IPv6 forms that carry an IPv4 address inside
// (mapped, compatible, translated, local NAT64, 6to4, Teredo, ISATAP) are refused even when that address is public; where an
// operator allows such a range the inner address is judged as well. 64:ff9b::/96 alone (NAT64, RFC 6052) is judged by the
// address inside it, and by nothing else: it is how a network without IPv4 reaches every receiver that has no IPv6.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Ip = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [Ip, number];

/** A network the operator allows; with a port, that port only. */
export type AllowedNetwork = {
  readonly range: Range;
  readonly port: number | null;
};

export type AddressPolicy = {
  readonly allow: readonly AllowedNetwork[];
  /** Where this very server listens: never called, allowed or not. */
  readonly own: readonly { readonly address: string; readonly port: number }[];
  /** Where inboxes of this server are (inbox-url.ts): called by whoever says that it may, wherever that is. */
  readonly inboxes?: readonly string[];
};

export const PUBLIC_ONLY: AddressPolicy = { allow: [], own: [] };

export type AddressVerdict =
  | { readonly ok: true }
  /** `range` is for the operator's log; telling it to a job's owner would map the inside of the network for them. */
  | { readonly ok: false; readonly reason: 'not_public' | 'own_listener' | 'port'; readonly range: string };

const SPECIAL_IPV4 = [
  ['0.0.0.0/8', 'this network (0.0.0.0 reaches loopback on Linux)'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'carrier-grade NAT'],
  ['127.0.0.0/8', 'loopback'],
  ['168.63.129.16/32', 'Azure host, in the middle of public space'],
  ['169.254.0.0/16', 'link-local, cloud metadata'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'IETF protocol assignments'],
  ['192.0.2.0/24', 'documentation'],
  ['192.31.196.0/24', 'AS112'],
  ['192.52.193.0/24', 'AMT'],
  ['192.88.99.0/24', '6to4 relay anycast'],
  ['192.168.0.0/16', 'private'],
  ['192.175.48.0/24', 'AS112'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved, broadcast'],
] as const;

/** Inside 2000::/3 only: everything outside it is refused anyway. */
const SPECIAL_IPV6 = [
  ['2001::/23', 'IETF protocol assignments'],
  ['2001:db8::/32', 'documentation'],
  ['2002::/16', '6to4'],
  ['2620:4f:8000::/48', 'AS112'],
  ['3fff::/20', 'documentation'],
] as const;

const special4 = SPECIAL_IPV4.map(([cidr, name]) => ({ range: ipaddr.parseCIDR(cidr), name }));
const special6 = SPECIAL_IPV6.map(([cidr, name]) => ({ range: ipaddr.parseCIDR(cidr), name }));
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

const LAST_32_BITS = [
  ['::ffff:0:0/96', 'IPv4-mapped'],
  ['::ffff:0:0:0/96', 'IPv4-translated'],
  ['64:ff9b:1::/48', 'local NAT64'],
  ['::/96', 'IPv4-compatible'],
] as const;
const last32 = LAST_32_BITS.map(([cidr, name]) => ({ range: ipaddr.parseCIDR(cidr), name }));
const NAT64 = ipaddr.parseCIDR('64:ff9b::/96');
const SIX_TO_FOUR = ipaddr.parseCIDR('2002::/16');
const TEREDO = ipaddr.parseCIDR('2001::/32');

/** Ports that speak no HTTP but understand enough of a request line to be abused: WHATWG's bad ports from 1024 up,
 * databases, brokers, container and cluster control. Below 1024 only 80 and 443 are called. */
const REFUSED_PORTS: ReadonlySet<number> = new Set([
  1433, 1521, 1719, 1720, 1723, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 5060, 5061,
  5432, 5433, 5672, 5900, 5984, 6000, 6379, 6380, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 7000,
  7001, 8500, 9042, 9092, 9200, 9300, 10080, 10250, 10255, 11211, 26379, 27017, 27018,
]);

/** Whether `port` may be called at all, before any address is known. */
export function isPortAllowed(port: number, policy: AddressPolicy): boolean {
  return isOrdinaryPort(port) || policy.allow.some((network) => network.port === port);
}

function isOrdinaryPort(port: number): boolean {
  return port === 80 || port === 443 || (port >= 1024 && port <= 65_535 && !REFUSED_PORTS.has(port));
}

/**
 * `10.0.0.0/8`, `fd00::/8`, a bare address, and each with a port behind it: `10.1.2.3/32:8443`, `[::1]:8080`.
 * Throws a sentence that names the entry.
 */
export function parseNetworks(entries: readonly string[]): AllowedNetwork[] {
  return entries.map((entry) => {
    const match = /^\[?([0-9a-fA-F:.]+?)\]?(?:\/(\d{1,3}))?(?::(\d{1,5}))?$/.exec(entry.trim());
    const bare = isIP(entry.trim()) === 0 ? match : [entry, entry.trim(), undefined, undefined];
    const address = bare?.[1] ?? '';
    const family = isIP(address);
    const most = family === 4 ? 32 : 128;
    const bits = bare?.[2] === undefined ? most : Number(bare[2]);
    const port = bare?.[3] === undefined ? null : Number(bare[3]);
    if (family === 0 || bits > most || (port !== null && (port < 1 || port > 65_535)))
      throw new Error(
        `RINGBACK_ALLOW_NETWORKS: "${entry}" is not a network: write it like 10.0.0.0/8, fd00::/8 or, for one port, 10.1.2.3/32:8443`,
      );
    return { range: [ipaddr.parse(address), bits], port };
  });
}

/** Judges one address, as a resolver gave it or as the socket reports it, for one port. */
export function judgeAddress(address: string, port: number, policy: AddressPolicy): AddressVerdict {
  // A zone (fe80::1%eth0) names an interface of this machine: nothing the public internet has.
  if (isIP(address) === 0 || address.includes('%'))
    return { ok: false, reason: 'not_public', range: 'not an address' };
  const ip = reached(ipaddr.parse(address));
  const text = ip.toNormalizedString();
  if (policy.own.some((own) => own.port === port && normalizeAddress(own.address) === text))
    return { ok: false, reason: 'own_listener', range: 'own listener' };
  const range = refusedRange(ip, port, policy);
  if (range !== null) return { ok: false, reason: 'not_public', range };
  if (!isOrdinaryPort(port) && !isListed(ip, port, policy, 'port named'))
    return { ok: false, reason: 'port', range: `port ${port}` };
  return { ok: true };
}

/** One spelling per address, for comparing; text that is no address is returned as it is. */
export function normalizeAddress(address: string): string {
  return isIP(address) === 0 || address.includes('%') ? address : ipaddr.parse(address).toNormalizedString();
}

/** The host that answers: behind a NAT64 it is the IPv4 address inside. */
function reached(ip: Ip): Ip {
  return isIPv6(ip) && matches(ip, NAT64) ? last32Bits(ip) : ip;
}

/** The name of the range that forbids `ip`, or null when it may be called. */
function refusedRange(ip: Ip, port: number, policy: AddressPolicy): string | null {
  const listed = isListed(ip, port, policy, 'any');
  if (!isIPv6(ip)) return listed ? null : (special4.find(({ range }) => matches(ip, range))?.name ?? null);
  const inner = embeddedIPv4(ip);
  if (listed) return inner ? refusedRange(inner.address, port, policy) : null;
  if (inner) return `${inner.form}, inside it ${refusedRange(inner.address, port, policy) ?? 'public'}`;
  const special = special6.find(({ range }) => matches(ip, range));
  if (special) return special.name;
  return matches(ip, GLOBAL_UNICAST) ? null : 'outside 2000::/3';
}

function isListed(ip: Ip, port: number, policy: AddressPolicy, ports: 'any' | 'port named'): boolean {
  return policy.allow.some(
    (network) =>
      (network.port === port || (network.port === null && ports === 'any')) && matches(ip, network.range),
  );
}

function embeddedIPv4(ip: ipaddr.IPv6): { address: ipaddr.IPv4; form: string } | null {
  const parts = ip.parts;
  const at = (index: number) => parts[index] ?? 0;
  if (matches(ip, SIX_TO_FOUR)) return { address: ipv4Of(at(1), at(2)), form: '6to4' };
  // RFC 4380: the client's address is stored with every bit flipped.
  if (matches(ip, TEREDO)) return { address: ipv4Of(at(6) ^ 0xffff, at(7) ^ 0xffff), form: 'Teredo' };
  // RFC 5214: interface identifier 0000:5efe or 0200:5efe, under any prefix.
  if ((at(4) & ~0x0200) === 0 && at(5) === 0x5efe) return { address: last32Bits(ip), form: 'ISATAP' };
  const form = last32.find(({ range }) => matches(ip, range));
  // :: and ::1 are addresses of their own, not IPv4-compatible ones.
  if (!form || (form.name === 'IPv4-compatible' && at(6) === 0 && at(7) <= 1)) return null;
  return { address: last32Bits(ip), form: form.name };
}

function last32Bits({ parts }: ipaddr.IPv6): ipaddr.IPv4 {
  return ipv4Of(parts[6] ?? 0, parts[7] ?? 0);
}

function ipv4Of(high: number, low: number): ipaddr.IPv4 {
  return new ipaddr.IPv4([high >> 8, high & 0xff, low >> 8, low & 0xff] as number[]);
}

function isIPv6(ip: Ip): ip is ipaddr.IPv6 {
  return ip.kind() === 'ipv6';
}

/** ipaddr.js throws when the families differ. */
function matches(ip: Ip, range: Range): boolean {
  return ip.kind() === range[0].kind() && ip.match(range[0], range[1]);
}
