// A callback of no particular kind, as the end of a job opens it.
import { randomUUID } from 'node:crypto';
import type { TellingDb } from '../../src/store/database.ts';
import { type NewDelivery, openDelivery } from '../../src/store/deliveries.ts';

export function anyDelivery(
  accountId: string,
  url: string,
  particular: Partial<NewDelivery> = {},
): NewDelivery {
  return {
    accountId,
    jobId: randomUUID(),
    url,
    method: 'POST',
    event: 'success',
    form: 'full',
    fullBody: Buffer.from('{"full":1}'),
    referenceBody: Buffer.from('{"reference":1}'),
    waitMs: 0,
    ...particular,
  };
}

/** Commits one; its id. */
export function openAnyDelivery(
  db: TellingDb,
  accountId: string,
  url: string,
  particular?: Partial<NewDelivery>,
): Promise<string> {
  return db.commit((trx) => openDelivery(trx, anyDelivery(accountId, url, particular)));
}
