// Which secrets sign for an account: its own, or else those of the server's setting; and the server's `whsk_` in every
// case, as an account rotates its HMAC secret only. A rotation is in force from its commit on, in every process: so an
// attempt is signed with what the database said a moment ago, and not with what is remembered. Attempts that begin
// together ask together, in one statement.
//
// For half a second after a rotation nothing is begun: what was signed before arrives, then its owner is told of the new
// secret (store/signing-secrets), and a receiver that takes it up at once is sent nothing that it does not know.
import { setTimeout as delay } from 'node:timers/promises';
import { isSigningKey } from '../signing-key.ts';
import { Batches } from '../store/batches.ts';
import { SETTLE_MS, type SecretInForce } from '../store/signing-secrets.ts';

/** What was asked for so short a time ago is good for the next attempt too. */
export const SHARED_MS = 20;
/**
 * While attempts pour in, it is asked for again before it is over: at most 200 statements a second, for which 4 to 19 of
 * 4,000 attempts at one endpoint waited; neither callbacks a second nor their processor time changed by what can be
 * measured.
 */
export const REFRESH_MS = 5;
/** An answer that took longer than this is asked for again: the account may have rotated meanwhile. */
export const LATE_MS = 100;
/** From a rotation on, until the next attempt begins: half of it before its owner is told, half for the receiver. */
export const HELD_MS = 2 * SETTLE_MS;
/** Who rotates again and again without a pause takes up places for no longer than this many times of it. */
const MOST_WAITS = 10;
/** A database that answers late every time is believed in the end. */
const MOST_LOOKS = 3;
const MOST_ACCOUNTS = 1_000;
const MOST_KNOWN = 10_000;

export type SecretsOf = (accountId: string) => Promise<readonly string[]>;

type Options = {
  serverSecrets: readonly string[];
  /** By account, its own that sign; none: the server's do. */
  list: (accountIds: readonly string[]) => Promise<ReadonlyMap<string, readonly SecretInForce[]>>;
  /** Calls what it is given with each account whose secrets change; null: any account's may have. */
  onChange?: (changed: (accountId: string | null) => void) => void;
  /** Milliseconds that only ever go forward. */
  now: () => number;
  /** For tests. */
  wait?: (ms: number) => Promise<unknown>;
};

type Looked = {
  /** When it was asked for: what was committed later may not be in it. */
  at: number;
  own: readonly SecretInForce[];
  /** Accounts that have changed since, as far as is told. */
  overtaken: ReadonlySet<string>;
};

export function accountSecrets({ serverSecrets, list, now, onChange, wait = delay }: Options): SecretsOf {
  const asymmetric = serverSecrets.filter(isSigningKey);
  const known = new Map<string, Looked>();
  /** The look-up under way, or the last one. */
  let last = { accountIds: [] as readonly string[], overtaken: new Set<string>() };
  onChange?.((accountId) => {
    if (accountId === null) known.clear();
    else known.delete(accountId);
    for (const one of accountId === null ? last.accountIds : [accountId]) last.overtaken.add(one);
  });

  const lookUps = new Batches<string, Looked>({
    lanes: 1,
    most: MOST_ACCOUNTS,
    run: async (accountIds) => {
      const overtaken = new Set<string>();
      last = { accountIds, overtaken };
      const at = now();
      const found = await list([...new Set(accountIds)]);
      return accountIds.map((id) => ({ at, own: found.get(id) ?? [], overtaken }));
    },
  });

  const asked = new Map<string, Promise<Looked>>();
  const lookUp = (accountId: string): Promise<Looked> => {
    const under = asked.get(accountId);
    if (under) return under;
    const looked = lookUpUntilGood(accountId).finally(() => asked.delete(accountId));
    asked.set(accountId, looked);
    return looked;
  };

  const lookUpUntilGood = async (accountId: string): Promise<Looked> => {
    for (let looks = 1; ; looks++) {
      const looked = await lookUps.add(accountId);
      const isGood = !looked.overtaken.has(accountId) && now() - looked.at <= LATE_MS;
      if (isGood) {
        if (known.size >= MOST_KNOWN) known.clear();
        known.set(accountId, looked);
      }
      if (isGood || looks === MOST_LOOKS) return looked;
    }
  };

  const look = async (accountId: string): Promise<Looked> => {
    const found = known.get(accountId);
    const age = found ? now() - found.at : SHARED_MS;
    if (!found || age >= SHARED_MS) return lookUp(accountId);
    // What fails here, the next attempt that needs it meets itself.
    if (age >= REFRESH_MS) lookUp(accountId).catch(() => {});
    return found;
  };

  return async (accountId) => {
    let { at, own } = await look(accountId);
    for (let waits = 0; waits < MOST_WAITS; waits++) {
      const heldMs = heldFor(own) - (now() - at);
      if (heldMs <= 0) break;
      await wait(heldMs);
      ({ at, own } = await look(accountId));
    }
    // The overlap of a rotation ends at its time, whenever that was looked up.
    const left = own.filter(({ leftMs }) => leftMs === null || leftMs > now() - at);
    return own.length > 0 ? [...left.map(({ secret }) => secret), ...asymmetric] : serverSecrets;
  };
}

/** Milliseconds from the look-up on; 0 unless its owner has just asked for the one that signs for good. */
function heldFor(own: readonly SecretInForce[]): number {
  const current = own.find(({ leftMs }) => leftMs === null);
  return HELD_MS - (current?.ageMs ?? HELD_MS);
}
