// Names to addresses, with a time limit of its own: the hosts file first, then DNS. Never judges an address; whoever
// connects does.
//
// Why not `dns.lookup`: it runs in libuv's pool of four threads, where a few dead name servers block every other lookup
// for 10 s each (nodejs/node#62503), and it completes names with search domains (`kubernetes` would become
// `kubernetes.default.svc.cluster.local`). c-ares asks for exactly the name, with a timeout, and can be cancelled. It
// skips the hosts file and other sources of nsswitch, so the hosts file is read here; mDNS (.local) is not asked.
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { shortageOf } from '../shortage.ts';
import { OutboundError } from './failure.ts';

export type Answer = { readonly addresses: readonly string[]; readonly ttlSeconds: number };
/** One uncached question. Rejects with a `code` of node:dns, or when `signal` fires. */
export type Query = (host: string, signal: AbortSignal) => Promise<Answer>;
/** IPv4 addresses first, then IPv6, each set at most 1 entry to all there are. Throws {@link OutboundError} `dns`. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export type ResolveOptions = {
  query?: Query;
  /** Milliseconds for one question, all retries included. */
  timeoutMs?: number;
  maxEntries?: number;
  /** Milliseconds; a shorter TTL wins. Short, so a receiver that moves is followed within seconds. */
  maxTtlMs?: number;
  negativeTtlMs?: number;
  /** Monotonic milliseconds. */
  now?: () => number;
};

const CODES = {
  ENOTFOUND: 'The host name does not exist: check its spelling and its DNS records.',
  ENODATA: 'The host name has no address: check its DNS records.',
  EBADNAME: 'The host name is not valid in DNS.',
  ETIMEOUT: 'The DNS server of this machine did not answer in time.',
} as const;

/** Answers are shared by everybody who asks meanwhile, and kept for seconds; failures for one second. */
export function createResolve(options: ResolveOptions = {}): Resolve {
  const {
    query = createQuery(),
    timeoutMs = 5_000,
    maxEntries = 1_000,
    maxTtlMs = 5_000,
    negativeTtlMs = 1_000,
    now = () => performance.now(),
  } = options;
  const cache = new Map<string, { until: number; promise: Promise<readonly string[]> }>();

  const ask = async (host: string): Promise<Answer> => {
    const stop = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(dnsError('ETIMEOUT'));
        stop.abort();
      }, timeoutMs);
    });
    try {
      const answer = await Promise.race([query(host, stop.signal), late]);
      if (answer.addresses.length === 0) throw dnsError('ENODATA');
      return answer;
    } catch (error) {
      if (error instanceof OutboundError || shortageOf(error) !== null) throw error;
      throw dnsError((error as { code?: string }).code ?? 'EUNKNOWN', error);
    } finally {
      clearTimeout(timer);
    }
  };

  return (host) => {
    const known = cache.get(host);
    if (known && known.until > now()) return known.promise;
    const entry = { until: Number.POSITIVE_INFINITY, promise: Promise.resolve<readonly string[]>([]) };
    entry.promise = ask(host).then(
      (answer) => {
        entry.until = now() + Math.min(answer.ttlSeconds * 1_000, maxTtlMs);
        return answer.addresses;
      },
      (error: unknown) => {
        entry.until = now() + negativeTtlMs;
        throw error;
      },
    );
    cache.delete(host);
    cache.set(host, entry);
    if (cache.size > maxEntries) {
      const oldest = cache.keys().next().value;
      if (oldest !== undefined) cache.delete(oldest);
    }
    return entry.promise;
  };
}

export type QueryOptions = {
  hostsFile?: string;
  /** `address` or `address:port`; those of the machine when absent. */
  servers?: readonly string[];
  /** Milliseconds the second family may take once the first has answered: broken AAAA servers are common. */
  graceMs?: number;
};

/** The machine's own view: hosts file, then both address families from DNS as fully qualified names. */
export function createQuery(options: QueryOptions = {}): Query {
  const { hostsFile = '/etc/hosts', servers, graceMs = 1_000 } = options;
  return async (host, signal) => {
    // RFC 6761: localhost is loopback and no resolver is asked.
    if (host === 'localhost' || host.endsWith('.localhost'))
      return { addresses: ['127.0.0.1', '::1'], ttlSeconds: 60 };
    const listed = addressesIn(await readFile(hostsFile, 'utf8').catch(ignoreMissing), host);
    if (listed.length > 0) return { addresses: listed, ttlSeconds: 1 };

    const resolver = new Resolver({ timeout: 2_000, tries: 2 });
    if (servers) resolver.setServers(servers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    let grace: NodeJS.Timeout | undefined;
    try {
      const families = [resolver.resolve4(host, { ttl: true }), resolver.resolve6(host, { ttl: true })];
      for (const family of families) {
        family.then(
          () => {
            grace ??= setTimeout(cancel, graceMs);
          },
          () => {},
        );
      }
      const settled = await Promise.allSettled(families);
      const records = settled.flatMap((family) => (family.status === 'fulfilled' ? family.value : []));
      const failed = settled.find((family) => family.status === 'rejected');
      if (records.length === 0 && failed) throw failed.reason;
      return {
        addresses: records.map((record) => record.address),
        ttlSeconds: Math.min(...records.map((record) => record.ttl)),
      };
    } finally {
      clearTimeout(grace);
      signal.removeEventListener('abort', cancel);
    }
  };
}

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

function dnsError(code: string, cause: unknown = { code }): OutboundError {
  const sentence =
    CODES[code as keyof typeof CODES] ??
    `The DNS server of this machine could not resolve the host name (${code}).`;
  return new OutboundError('dns', sentence, { cause });
}
