// Sends a callback again to another URL, from now on: a receiver has moved, or somebody wants to look at it themselves.
import { useId, useRef } from 'preact/hooks';
import { useApi } from '../context.ts';
import { useAction } from '../live.ts';
import { Problem } from './problem.tsx';

type SendElsewhereProps = { id: string; disabled: boolean; onSent: () => void };

export function SendElsewhere({ id, disabled, onSent }: SendElsewhereProps) {
  const api = useApi();
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const send = useAction(async (url: string) => {
    await api.callbacks.resend(id, { url });
    dialog.current?.close();
    onSent();
  });
  return (
    <>
      <button type="button" disabled={disabled} onClick={() => dialog.current?.showModal()}>
        Send elsewhere…
      </button>
      <dialog ref={dialog} aria-labelledby={title}>
        <form
          class="fields"
          onSubmit={(event) => {
            event.preventDefault();
            send.run(String(new FormData(event.currentTarget).get('url')).trim());
          }}
        >
          <h2 id={title}>Send again to another URL</h2>
          <label>
            URL
            <input type="url" name="url" required placeholder="https://app.example.org/hooks/stt" />
          </label>
          <p class="hint">
            It goes there from now on, with a full schedule and the same webhook-id; the attempts before keep
            where they went.
          </p>
          <Problem problem={send.problem} />
          <div class="actions">
            <button type="button" onClick={() => dialog.current?.close()}>
              Leave it
            </button>
            <button type="submit" class="main" disabled={send.busy}>
              Send there
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
