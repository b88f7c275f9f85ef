import type { NewWebhook, WebhookWithSecret } from '../../../src/http/schemas/webhook.ts';
import {
  WEBHOOK_EVENTS,
  WEBHOOK_LIMITS,
  WEBHOOK_PAYLOADS,
  type WebhookEvent,
  type WebhookPayload,
} from '../../../src/webhook.ts';
import { useApi } from '../context.ts';
import { Problem } from '../elements/problem.tsx';
import { useAction } from '../live.ts';

/** What somebody who makes their first most likely wants. */
const USUAL: readonly WebhookEvent[] = ['transcription.success', 'transcription.error'];

const PAYLOAD_LABELS: Readonly<Record<WebhookPayload, string>> = {
  notice: 'the event and the id',
  full: 'the whole result',
  reference: 'a reference to the result',
};

export function WebhookForm({ onMade }: { onMade: (webhook: WebhookWithSecret) => void }) {
  const api = useApi();
  const make = useAction(async (form: HTMLFormElement) => {
    onMade(await api.webhooks.create(readForm(new FormData(form))));
    form.reset();
  });
  return (
    <form
      class="panel"
      onSubmit={(event) => {
        event.preventDefault();
        make.run(event.currentTarget);
      }}
    >
      <label>
        Call this URL
        <input name="url" type="url" required placeholder="https://app.example.org/hooks" />
      </label>
      <fieldset>
        <legend>when these happen</legend>
        <div class="row">
          {WEBHOOK_EVENTS.map((event) => (
            <label key={event} class="check">
              <input type="checkbox" name="events" value={event} defaultChecked={USUAL.includes(event)} />
              {event}
            </label>
          ))}
        </div>
      </fieldset>
      <div class="row">
        <label>
          with
          <select name="payload">
            {WEBHOOK_PAYLOADS.map((payload) => (
              <option key={payload} value={payload}>
                {PAYLOAD_LABELS[payload]}
              </option>
            ))}
          </select>
        </label>
        <label>
          only where metadata contains
          <input name="metadata" placeholder={'{"customer": "acme"}'} />
        </label>
        <label>
          What it is for
          <input name="description" maxLength={WEBHOOK_LIMITS.descriptionCharacters} />
        </label>
      </div>
      <div class="actions">
        <button type="submit" class="main" disabled={make.busy}>
          Create
        </button>
      </div>
      <Problem problem={make.problem} />
    </form>
  );
}

/** Throws a sentence about metadata that is no JSON object. */
function readForm(form: FormData): NewWebhook {
  const text = (name: string) => String(form.get(name) ?? '').trim();
  const metadata = text('metadata');
  return {
    url: text('url'),
    events: form.getAll('events') as WebhookEvent[],
    payload: text('payload') as WebhookPayload,
    ...(text('description') !== '' && { description: text('description') }),
    ...(metadata !== '' && { metadata: readMetadata(metadata) }),
  };
}

function readMetadata(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch (cause) {
    throw new Error(METADATA, { cause });
  }
  throw new Error(METADATA);
}

const METADATA = 'The metadata must be a JSON object, such as {"customer": "acme"}.';
