// A scriptable DNS server on a UDP port of loopback: the real resolver asks it. Speaks just enough of RFC 1035 to
// answer A, AAAA and CNAME questions from a table, to say that a name does not exist or why it is not told, late or never.
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

export type Zone = Record<
  string,
  {
    addresses?: string[];
    cname?: string;
    ttl?: number;
    silent?: 'A' | 'AAAA' | 'both';
    /** Milliseconds until it answers. */
    after?: number;
    /** 2: SERVFAIL, 5: REFUSED. */
    rcode?: number;
  }
>;

export type DnsServer = {
  /** For `Resolver.setServers`. */
  server: string;
  /** Names asked for, with the type, in order. */
  asked: string[];
  close(): Promise<void>;
};

const CNAME = 5;
const AAAA = 28;

export async function startDns(zone: Zone): Promise<DnsServer> {
  const asked: string[] = [];
  let isOpen = true;
  const socket = createSocket('udp4');
  socket.on('message', (query, peer) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = query.readUInt16BE(at + 1);
    const name = labels.join('.').toLowerCase();
    asked.push(`${name} ${type === AAAA ? 'AAAA' : 'A'}`);
    const entry = zone[name];
    if (entry?.silent === 'both' || entry?.silent === (type === AAAA ? 'AAAA' : 'A')) return;

    const records: Buffer[] = [];
    let owner = name;
    let found = entry;
    while (found?.cname !== undefined) {
      records.push(record(owner, CNAME, found.ttl ?? 60, encodeName(found.cname)));
      owner = found.cname;
      found = zone[owner];
    }
    for (const address of found?.addresses ?? []) {
      if (isIPv6(address) !== (type === AAAA)) continue;
      records.push(record(owner, type, found?.ttl ?? 60, encodeAddress(address)));
    }
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | (entry === undefined ? 3 : (entry.rcode ?? 0)), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    const answer = Buffer.concat([header, query.subarray(12, at + 5), ...records]);
    setTimeout(() => {
      if (isOpen) socket.send(answer, peer.port, peer.address);
    }, entry?.after ?? 0);
  });
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  return {
    server: `127.0.0.1:${socket.address().port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        isOpen = false;
        socket.close(() => resolve());
      }),
  };
}

function record(owner: string, type: number, ttl: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(owner), fixed, data]);
}

function encodeName(name: string): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

function encodeAddress(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0');
  const groups = [...left, ...middle, ...right].map((group) => Number.parseInt(group, 16));
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 255]));
}
