// One name asked for: the hosts file first, then DNS, as a fully qualified name and for both address families.
//
// Why not `dns.lookup`: it runs in libuv's pool of four threads, where a few dead name servers block every other lookup
// for 10 s each (nodejs/node#62503), and it completes names with search domains (`kubernetes` would become
// `kubernetes.default.svc.cluster.local`). c-ares asks for exactly the name, and can be cancelled. It skips the hosts file
// and other sources of nsswitch, so the hosts file is read here; mDNS (.local) is not asked.
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { shortageOf } from '../shortage.ts';

export type Answer = { readonly addresses: readonly string[]; readonly ttlSeconds: number };
/**
 * One uncached question, until `signal` fires. Rejects with a `code` of node:dns. `heard` is called
 * each time that the DNS server has answered anything, a refusal too.
 */
export type Query = (host: string, signal: AbortSignal, heard?: () => void) => Promise<Answer>;

export type QueryOptions = {
  hostsFile?: string;
  /** `address` or `address:port`; those of the machine when absent. */
  servers?: readonly string[];
  /** Milliseconds the second family may take once the first has answered: broken AAAA servers are common. */
  graceMs?: number;
};

/**
 * When a question that is not answered is asked again, in milliseconds, each time of the next server and beside those
 * before. c-ares itself takes an answer only for the time of one try: a name server of 8 s was never heard.
 */
const ASK_AGAIN_MS = [2_000, 6_000, 14_000, 30_000];
/** Longer than anybody waits; c-ares would take 5 s otherwise. */
const ONE_TRY = { timeout: 120_000, maxTimeout: 120_000, tries: 1 };
/** So long without a word, and the server is asked for the root, which it knows: is it there at all? */
const CONTROL_MS = 100;

/** The machine's own view: hosts file, then both address families from DNS as fully qualified names. */
export function createQuery(options: QueryOptions = {}): Query {
  const { hostsFile = '/etc/hosts', servers, graceMs = 1_000 } = options;
  return async (host, signal, heard = () => {}) => {
    // RFC 6761: localhost is loopback and no resolver is asked.
    if (host === 'localhost' || host.endsWith('.localhost'))
      return { addresses: ['127.0.0.1', '::1'], ttlSeconds: 60 };
    const listed = addressesIn(await readFile(hostsFile, 'utf8').catch(ignoreMissing), host);
    if (listed.length > 0) return { addresses: listed, ttlSeconds: 1 };
    return askDns(host, { servers, graceMs, signal, heard });
  };
}

type AskOptions = {
  servers: readonly string[] | undefined;
  graceMs: number;
  signal: AbortSignal;
  heard: () => void;
};

async function askDns(host: string, { servers, graceMs, signal, heard }: AskOptions): Promise<Answer> {
  const four = Promise.withResolvers<Records>();
  const six = Promise.withResolvers<Records>();
  const resolvers: Resolver[] = [];
  const open = (round: number) => {
    const resolver = new Resolver(ONE_TRY);
    const all = servers ?? resolver.getServers();
    const from = round % Math.max(1, all.length);
    if (servers !== undefined || from > 0) resolver.setServers([...all.slice(from), ...all.slice(0, from)]);
    resolvers.push(resolver);
    return resolver;
  };
  const failed = (error: { code?: string }) => {
    if (ANSWERED.has(error.code ?? '')) heard();
  };
  const ask = (round: number) => {
    const resolver = open(round);
    for (const [family, asked] of [
      [four, resolver.resolve4(host, { ttl: true })],
      [six, resolver.resolve6(host, { ttl: true })],
    ] as const) {
      asked.then(heard, failed);
      asked.then(family.resolve, family.reject);
    }
  };
  const cancel = () => {
    for (const resolver of resolvers) resolver.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  const timers = ASK_AGAIN_MS.map((after, index) => setTimeout(() => ask(index + 1), after));
  timers.push(setTimeout(() => open(0).resolve('.', 'NS').then(heard, failed), CONTROL_MS));
  try {
    if (signal.aborted) throw Object.assign(new Error('given up'), { code: 'ECANCELLED' });
    ask(0);
    for (const family of [four, six])
      family.promise.then(
        () => timers.push(setTimeout(cancel, graceMs)),
        () => {},
      );
    return recordsOf(await Promise.allSettled([four.promise, six.promise]));
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
    cancel();
  }
}

type Records = readonly { address: string; ttl: number }[];

function recordsOf(families: readonly PromiseSettledResult<Records>[]): Answer {
  const records = families.flatMap((family) => (family.status === 'fulfilled' ? family.value : []));
  const failures = families.flatMap((family) => (family.status === 'rejected' ? [family.reason] : []));
  // "No address of this kind" tells less than whatever befell the other kind.
  const telling = failures.find((failure) => failure.code !== 'ENODATA') ?? failures[0];
  if (records.length === 0 && telling) throw telling;
  return {
    addresses: records.map((record) => record.address),
    ttlSeconds: Math.min(...records.map((record) => record.ttl)),
  };
}

/** Codes that say that a DNS server has answered; the others say that none has. */
const ANSWERED: ReadonlySet<string> = new Set([
  'ENODATA',
  'EFORMERR',
  'ESERVFAIL',
  'ENOTFOUND',
  'ENOTIMP',
  'EREFUSED',
]);

/** A hosts file that cannot be read is none; without a descriptor to read it, nothing can be asked of DNS either. */
function ignoreMissing(error: unknown): string {
  if (shortageOf(error) !== null) throw error;
  return '';
}

/** hosts(5): `address name name…`, `#` to the end of the line is comment. */
function addressesIn(hosts: string, host: string): string[] {
  return hosts.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/);
    return names.includes(host) && isIP(address) !== 0 ? [address] : [];
  });
}
