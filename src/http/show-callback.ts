// A delivery and its attempts as their owner sees them: without the queries of URLs, where secrets ride, and without what
// far ends repeat of them.
import { secretsIn } from '../callback-headers.ts';
import { type Mask, maskedUrl, maskOf } from '../mask.ts';
import type { AttemptRow, DeliveryRow } from '../store/deliveries.ts';
import { breather } from '../turns.ts';
import type * as schemas from './schemas/callback.ts';

export function showDelivery(row: DeliveryRow): schemas.Callback {
  return {
    id: row.id,
    transcription_id: row.job_id,
    webhook_id: row.webhook_id,
    endpoint_id: row.present_endpoint_id,
    url: maskedUrl(row.url),
    method: row.method,
    event: row.event,
    form: row.form,
    test: row.test,
    bytes: row.bytes,
    state: row.state,
    reason: row.reason ?? leaving(row) ?? row.waits_for,
    attempt_count: row.attempts,
    last_status: row.last_status,
    last_error: row.last_error,
    custom_metadata: row.custom_metadata,
    next_attempt_at: row.next_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    completed_at: row.final_at?.toISOString() ?? null,
  };
}

/** Of one that a sender has in hand. */
function leaving({ cancel_reason }: DeliveryRow): string | null {
  return cancel_reason && `${cancel_reason}: the attempt under way is its last`;
}

/** Of one delivery. In turns: an answer of 16 KiB, written to be hard to read, takes some 10 ms. */
export async function showAttempts(
  attempts: readonly AttemptRow[],
  { url, headers }: Pick<DeliveryRow, 'url' | 'headers'>,
): Promise<schemas.Attempt[]> {
  // All but a few go to one URL, and to look for its query is prepared once.
  const secrets = secretsIn(headers);
  const masks = new Map<string, Mask>();
  const breath = breather();
  const shown: schemas.Attempt[] = [];
  for (const attempt of attempts) {
    const to = attempt.url ?? url;
    const mask = masks.get(to) ?? maskOf(to, secrets);
    masks.set(to, mask);
    shown.push(showAttempt(attempt, to, mask));
    await breath();
  }
  return shown;
}

function showAttempt(row: AttemptRow, to: string, mask: Mask): schemas.Attempt {
  return {
    number: row.number,
    trigger: row.trigger,
    form: row.form,
    started_at: row.started_at.toISOString(),
    duration_ms: row.duration_ms,
    phases_ms: row.phases,
    address: row.address,
    url: maskedUrl(to),
    outcome: row.outcome,
    status: row.status,
    location: row.location && maskedUrl(mask.text(row.location)),
    answer: row.answer_head && {
      ...readable(row.answer_head, mask, row.answer_truncated === true),
      bytes: row.answer_bytes,
      truncated: row.answer_truncated,
    },
    error:
      row.error_class === null
        ? null
        : { class: row.error_class, message: row.error_message && mask.text(row.error_message) },
    next_attempt_at: row.next_at?.toISOString() ?? null,
  };
}

/** The answer as text where it is text; a cut may have split its last character. */
function readable(head: Buffer, mask: Mask, isCut: boolean): { text: string } | { base64: string } {
  const text = new TextDecoder('utf-8').decode(head, { stream: true });
  if (!text.includes('\ufffd')) return { text: mask.text(text, isCut) };
  return { base64: mask.bytes(head, isCut).toString('base64') };
}
