// Which secrets sign a delivery: a webhook's own sign what is sent to it, its account's sign everything else, and what is sent
// again of a webhook that is gone. The server's `whsk_` signs along in every case.
import { isSigningKey } from '../signing-key.ts';
import type { TellingDb } from '../store/database.ts';
import { secretsInForceOf } from '../store/signing-secrets.ts';
import { webhookSecretsInForce } from '../store/webhook-secrets.ts';
import { accountSecrets, type SecretsOf } from './account-secrets.ts';

export type SignerOf = (accountId: string, webhookId: string | null) => Promise<readonly string[]>;

type Options = {
  serverSecrets: readonly string[];
  /** By account. */
  ofAccount: SecretsOf;
  /** By webhook; none once it is gone. */
  ofWebhook: SecretsOf;
};

export function signerOf({ serverSecrets, ofAccount, ofWebhook }: Options): SignerOf {
  const asymmetric = serverSecrets.filter(isSigningKey);
  return async (accountId, webhookId) => {
    const own = webhookId === null ? [] : await ofWebhook(webhookId);
    return own.length > 0 ? [...own, ...asymmetric] : ofAccount(accountId);
  };
}

/** As the database has them; what is told of rotations makes them forget. */
export function signersOn(db: TellingDb, serverSecrets: readonly string[]): SignerOf {
  const now = () => performance.now();
  return signerOf({
    serverSecrets,
    ofAccount: accountSecrets({
      serverSecrets,
      list: (accounts) => secretsInForceOf(db, accounts, serverSecrets.length > 0),
      now,
      onChange: (changed) =>
        db.teller.hear((news) => {
          if (news.kind === 'secrets') changed(news.accountId);
          if (news.kind === 'missed') changed(null);
        }),
    }),
    ofWebhook: accountSecrets({
      serverSecrets: [],
      list: (webhooks) => webhookSecretsInForce(db, webhooks),
      now,
      onChange: (changed) =>
        db.teller.hear((news) => {
          if (news.kind === 'webhook_secrets') changed(news.webhookId);
          if (news.kind === 'missed') changed(null);
        }),
    }),
  });
}
