// What processes on one database tell one another, and how it travels in a NOTIFY. Nothing depends on being heard: rows
// are the truth, and every hearer looks at them now and then. Pure.
import type { Change, DeliveryChange, JobChange } from './changes.ts';

export type News =
  | Change
  /** A delivery is due, or soon will be, at this endpoint. */
  | { kind: 'endpoint_due'; endpointId: string }
  /** The same, and nobody says where. */
  | { kind: 'due' }
  /** Nothing more is to be sent there. */
  | { kind: 'disabled'; endpointId: string }
  /** Its owner wants it called again, at `at` (milliseconds of the database's clock): what was begun before counts no more. */
  | { kind: 'enabled'; endpointId: string; hostId: string; at: number }
  /** This delivery, which a sender has in hand, is wanted no more. */
  | { kind: 'called_off'; endpointId: string; deliveryId: string }
  /** What signs for the account has changed. */
  | { kind: 'secrets'; accountId: string }
  /** What signs for this webhook has changed. */
  | { kind: 'webhook_secrets'; webhookId: string }
  /** A request came to this inbox, or the answer that one waits for. */
  | { kind: 'inbox_request' | 'inbox_answer'; inboxId: string; number: number }
  /** It was deleted. */
  | { kind: 'inbox_gone'; inboxId: string }
  /** Some news may not have been told: look at the rows. */
  | { kind: 'missed' }
  /** A process ends, and has told everything. */
  | { kind: 'goodbye' };

/** News without particulars: told twice is as good as told once. */
export type Hint = Extract<News, { kind: (typeof HINTS)[number] }>;
const HINTS = ['due', 'missed', 'goodbye'] as const;

export const isHint = (news: News): news is Hint => (HINTS as readonly string[]).includes(news.kind);

/** At 170 bytes at most each, of the 8,000 that a NOTIFY may have. */
const PER_PAYLOAD = 40;

/** Payloads that carry all of it, with the name of the process it is from; one at least. */
export function pack(from: string, news: readonly News[]): string[] {
  const payloads = [];
  for (let at = 0; at === 0 || at < news.length; at += PER_PAYLOAD)
    payloads.push(JSON.stringify([from, ...news.slice(at, at + PER_PAYLOAD).map(toParts)]));
  return payloads;
}

/** Throws on what another program may have sent on our channel. */
export function unpack(payload: string): { from: string; news: News[] } {
  const [from, ...news] = JSON.parse(payload) as [string, ...Parts[]];
  return { from, news: news.map(fromParts) };
}

type Parts =
  | ['job', accountId: string, id: string, at: number, status: JobChange['status']]
  | [
      'delivery',
      accountId: string,
      id: string,
      at: number,
      jobId: string | null,
      state: DeliveryChange['state'],
      attempts: number,
    ]
  | ['endpoint_due' | 'disabled', endpointId: string]
  | ['enabled', endpointId: string, hostId: string, at: number]
  | ['called_off', endpointId: string, deliveryId: string]
  | ['secrets', accountId: string]
  | ['webhook_secrets', webhookId: string]
  | ['inbox_request' | 'inbox_answer', inboxId: string, number: number]
  | ['inbox_gone', inboxId: string]
  | [Hint['kind']];

function toParts(news: News): Parts {
  switch (news.kind) {
    case 'job':
      return ['job', news.accountId, news.id, news.at, news.status];
    case 'delivery':
      return ['delivery', news.accountId, news.id, news.at, news.jobId, news.state, news.attempts];
    case 'endpoint_due':
    case 'disabled':
      return [news.kind, news.endpointId];
    case 'enabled':
      return ['enabled', news.endpointId, news.hostId, news.at];
    case 'called_off':
      return ['called_off', news.endpointId, news.deliveryId];
    case 'secrets':
      return ['secrets', news.accountId];
    case 'webhook_secrets':
      return ['webhook_secrets', news.webhookId];
    case 'inbox_request':
    case 'inbox_answer':
      return [news.kind, news.inboxId, news.number];
    case 'inbox_gone':
      return ['inbox_gone', news.inboxId];
    default:
      return [news.kind];
  }
}

function fromParts(parts: Parts): News {
  switch (parts[0]) {
    case 'job': {
      const [kind, accountId, id, at, status] = parts;
      return { kind, accountId, id, at, status };
    }
    case 'delivery': {
      const [kind, accountId, id, at, jobId, state, attempts] = parts;
      return { kind, accountId, id, at, jobId, state, attempts };
    }
    case 'endpoint_due':
    case 'disabled':
      return { kind: parts[0], endpointId: parts[1] };
    case 'enabled': {
      const [kind, endpointId, hostId, at] = parts;
      return { kind, endpointId, hostId, at };
    }
    case 'called_off': {
      const [kind, endpointId, deliveryId] = parts;
      return { kind, endpointId, deliveryId };
    }
    case 'secrets':
      return { kind: 'secrets', accountId: parts[1] };
    case 'webhook_secrets':
      return { kind: 'webhook_secrets', webhookId: parts[1] };
    case 'inbox_request':
    case 'inbox_answer':
      return { kind: parts[0], inboxId: parts[1], number: parts[2] };
    case 'inbox_gone':
      return { kind: 'inbox_gone', inboxId: parts[1] };
    case 'due':
    case 'missed':
    case 'goodbye':
      return { kind: parts[0] };
    default:
      throw new Error(`unknown news ${JSON.stringify(parts satisfies never)}`);
  }
}
