// What an inbox answers: in plain words where all answers are alike but for their status, else as JSON.
import { useState } from 'preact/hooks';
import type { Inbox, InboxChange } from '../../../src/http/schemas/inbox.ts';
import { INBOX_LIMITS } from '../../../src/inbox.ts';
import { useApi } from '../context.ts';
import { answersFrom, plainOf, sequenceOf } from '../inbox-answer.ts';
import { useAction } from '../live.ts';
import { Problem } from './problem.tsx';

type Props = { of: Inbox; onChanged: () => void };

export function InboxAnswers({ of, onChanged }: Props) {
  const api = useApi();
  const plain = plainOf(of.answer);
  const [asJson, setAsJson] = useState(plain === null);
  const change = useAction(async (form: FormData) => {
    const text = (name: string) => String(form.get(name) ?? '');
    await api.inboxes.update(of.id, {
      answer: asJson
        ? jsonOf(text('json'))
        : answersFrom({
            sequence: text('sequence'),
            body: text('body'),
            delayMs: text('delay'),
            retryAfter: text('retry'),
          }),
      max_bytes: Number(text('most')),
      forward: form.has('forward'),
    });
    onChanged();
  });
  return (
    <details>
      <summary>
        Answers <code>{sequenceOf(of.answer).slice(0, 80)}</code>
      </summary>
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          change.run(new FormData(event.currentTarget));
        }}
      >
        {asJson || plain === null ? (
          <label>
            As JSON: {'{status, headers, body, delay_ms, action}'}, or a list of them
            <textarea
              name="json"
              rows={8}
              spellcheck={false}
              defaultValue={JSON.stringify(of.answer, null, 2)}
            />
          </label>
        ) : (
          <Plain {...plain} />
        )}
        <label>
          Largest body, in bytes; a larger one is answered 413
          <input
            type="number"
            name="most"
            required
            min={0}
            max={INBOX_LIMITS.mostBytes}
            defaultValue={String(of.max_bytes)}
          />
        </label>
        <label class="check">
          <input type="checkbox" name="forward" defaultChecked={of.forward} />
          For ringback listen --forward alone: 503 while none is connected, so that everything comes again
        </label>
        <div class="actions">
          <button type="submit" disabled={change.busy}>
            Save
          </button>
          {plain !== null && (
            <button type="button" class="plain" onClick={() => setAsJson(!asJson)}>
              {asJson ? 'In plain words' : 'As JSON'}
            </button>
          )}
        </div>
        <Problem problem={change.problem} />
      </form>
    </details>
  );
}

function Plain({ sequence, body, delayMs, retryAfter }: NonNullable<ReturnType<typeof plainOf>>) {
  return (
    <>
      <label>
        Answers, one after the other; the last stays
        <input name="sequence" defaultValue={sequence} placeholder="500, 500, 200" />
        <span class="hint">
          A status, <code>hang</code> (no answer) or <code>cut</code> (the connection is closed).
        </span>
      </label>
      <div class="row">
        <label>
          Wait before it, ms
          <input
            type="number"
            name="delay"
            min={0}
            max={INBOX_LIMITS.delayMs}
            defaultValue={delayMs}
            placeholder="0"
          />
        </label>
        <label>
          Retry-After
          <input name="retry" defaultValue={retryAfter} placeholder="none; such as 30" />
        </label>
      </div>
      <label>
        Body
        <textarea name="body" rows={2} maxLength={INBOX_LIMITS.answerBytes} defaultValue={body} />
      </label>
    </>
  );
}

function jsonOf(text: string): NonNullable<InboxChange['answer']> {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`The answers must be JSON: ${(cause as Error).message}`, { cause });
  }
}
