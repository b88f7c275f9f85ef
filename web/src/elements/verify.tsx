// The string that was signed, and whether a signature somebody received is right: checked in the browser, so that no
// secret leaves it.
import { useState } from 'preact/hooks';
import type { SentRequest } from '../../../src/http/schemas/sent-request.ts';
import { useApi } from '../context.ts';
import { useAction } from '../live.ts';
import { type Checked, checkSignature, signedHead } from '../signature.ts';
import { Problem } from './problem.tsx';

/** Of the signed string. */
const SHOWN = 200;

export function Verify({ sent, body }: { sent: SentRequest; body: Uint8Array }) {
  const api = useApi();
  const [result, setResult] = useState<Checked | null>(null);
  const check = useAction(async (form: FormData) => {
    const text = (name: string) => String(form.get(name) ?? '').trim();
    const secret = text('secret') || (await ownSecret(api));
    const signed = { id: text('id'), timestamp: text('timestamp'), signature: text('signature'), body };
    setResult(await checkSignature(signed, secret));
  });
  const id = sent.headers['webhook-id'] ?? '';
  const timestamp = sent.headers['webhook-timestamp'] ?? '';
  const head = signedHead({ id, timestamp });
  const start = new TextDecoder().decode(body.subarray(0, SHOWN));
  return (
    <details class="verify">
      <summary>Check a signature</summary>
      <p class="hint">This string is signed, up to the body’s last byte:</p>
      <pre>
        {head}
        {start}
        {body.length > SHOWN && '…'}
      </pre>
      <form
        class="fields"
        onSubmit={(event) => {
          event.preventDefault();
          check.run(new FormData(event.currentTarget));
        }}
      >
        <div class="row">
          <label>
            webhook-id
            <input name="id" required defaultValue={id} />
          </label>
          <label>
            webhook-timestamp
            <input name="timestamp" required defaultValue={timestamp} />
          </label>
        </div>
        <label>
          webhook-signature, as the receiver got it
          <input name="signature" required placeholder="v1,…" autoComplete="off" />
        </label>
        <label>
          Secret of the receiver (a webhook has its own); empty: this account’s
          <input name="secret" type="password" placeholder="whsec_…" autoComplete="off" />
        </label>
        <div class="actions">
          <button type="submit" disabled={check.busy}>
            Check
          </button>
          <Problem problem={check.problem} />
        </div>
        {result && <Result of={result} />}
      </form>
    </details>
  );
}

function Result({ of }: { of: Checked }) {
  if (of.ok)
    return (
      <p class="note good" role="status">
        Genuine: this secret signed these bytes ({of.by.slice(0, 12)}…).
      </p>
    );
  return (
    <p class="note bad" role="status">
      Not genuine. {of.why}
      {of.computed !== null && (
        <>
          {' '}
          This secret makes <code>{of.computed}</code>
        </>
      )}
    </p>
  );
}

async function ownSecret(api: ReturnType<typeof useApi>): Promise<string> {
  const secrets = await api.signingSecrets.list();
  const own = secrets.find(({ secret }) => secret !== undefined)?.secret;
  if (own === undefined)
    throw new Error('This account has no secret of its own: give the one of the receiver.');
  return own;
}
