// Which secrets sign for an account: its own, or else those of the server's setting; and the server's `whsk_` in every
// case, as an account rotates its HMAC secret only. Looked up at most every few seconds per account: a rotation is in force
// when it is told, or that much later at the latest.
import { isSigningKey } from '../signing-key.ts';
import type { SigningSecret } from '../store/signing-secrets.ts';

export const REMEMBER_MS = 5_000;
const MOST = 10_000;

export type SecretsOf = (accountId: string) => Promise<readonly string[]>;

type Options = {
  serverSecrets: readonly string[];
  /** The account's own that sign; empty: the server's do. */
  list: (accountId: string) => Promise<readonly Pick<SigningSecret, 'secret'>[]>;
  /** Calls what it is given with each account whose secrets change; null: any account's may have. */
  onChange?: (forget: (accountId: string | null) => void) => void;
  /** Milliseconds that only ever go forward. */
  now: () => number;
};

export function accountSecrets({ serverSecrets, list, now, onChange }: Options): SecretsOf {
  const asymmetric = serverSecrets.filter(isSigningKey);
  const known = new Map<string, { secrets: Promise<readonly string[]>; until: number }>();
  onChange?.((accountId) => {
    if (accountId === null) known.clear();
    else known.delete(accountId);
  });
  return (accountId) => {
    const at = now();
    const found = known.get(accountId);
    if (found && found.until > at) return found.secrets;
    const secrets = list(accountId).then((own) =>
      own.length > 0 ? [...own.map((one) => one.secret), ...asymmetric] : serverSecrets,
    );
    // A failed look-up is not remembered.
    secrets.catch(() => known.delete(accountId));
    if (known.size >= MOST) known.clear();
    known.set(accountId, { secrets, until: at + REMEMBER_MS });
    return secrets;
  };
}
