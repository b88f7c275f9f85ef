// Who is called when a transcription has ended: a URL, or an inbox of this server with one click.
import { useRef } from 'preact/hooks';
import { METHODS } from '../../../src/delivery.ts';
import type { Inbox } from '../../../src/http/schemas/inbox.ts';
import type { Api } from '../api.ts';
import { useApi } from '../context.ts';
import { useAction } from '../live.ts';
import { link } from '../route.ts';
import { Field } from './field.tsx';
import { Problem } from './problem.tsx';

/** Of the one that is made when there is none. */
const INBOX_NAME = 'dashboard';

type Props = { inbox: Inbox | null; onInbox: (inbox: Inbox | null) => void };

export function Receiver({ inbox, onInbox }: Props) {
  const api = useApi();
  const input = useRef<HTMLInputElement>(null);
  const receive = useAction(async () => {
    const found = await anInbox(api);
    if (input.current) input.current.value = found.address;
    onInbox(found);
  });
  return (
    <fieldset>
      <legend>Callback</legend>
      <Field
        name="callback_config.url"
        label="Call this URL when it has ended"
        hint={
          inbox ? (
            <>
              It comes to your inbox <a href={link(['inboxes', inbox.id])}>{inbox.name}</a>.
            </>
          ) : (
            'Until it has it: tried again for days, each attempt on record. Empty: nobody is called.'
          )
        }
      >
        {(tied) => (
          <input
            {...tied}
            ref={input}
            type="url"
            placeholder="https://app.example.org/hooks/stt?job=A-17"
            onInput={() => onInbox(null)}
          />
        )}
      </Field>
      <div class="actions">
        <button type="button" disabled={receive.busy} onClick={() => receive.run()}>
          Receive it here, in an inbox
        </button>
      </div>
      <Problem problem={receive.problem} />
      <div class="row">
        <Field name="callback_config.method" label="Method">
          {(tied) => (
            <select {...tied}>
              {METHODS.map((method) => (
                <option key={method}>{method}</option>
              ))}
            </select>
          )}
        </Field>
        <Field name="callback_config.payload" label="Carries">
          {(tied) => (
            <select {...tied}>
              <option value="full">the result</option>
              <option value="reference">a link to the result</option>
            </select>
          )}
        </Field>
      </div>
    </fieldset>
  );
}

/** The newest that answers by itself, or a new one. */
async function anInbox(api: Api): Promise<Inbox> {
  for await (const inbox of api.inboxes.list()) if (!inbox.forward) return inbox;
  return api.inboxes.create({ name: INBOX_NAME });
}
