import { useState } from 'preact/hooks';
import type { CreatedKey } from '../../../src/http/schemas/key.ts';
import { useApi } from '../context.ts';
import { Changes } from '../elements/changes.tsx';
import { Confirm } from '../elements/confirm.tsx';
import { Copy } from '../elements/copy.tsx';
import { Page } from '../elements/page.tsx';
import { Problem } from '../elements/problem.tsx';
import { State } from '../elements/state.tsx';
import { Table } from '../elements/table.tsx';
import { Time } from '../elements/time.tsx';
import { UNTOLD_EVERY_MS, useAction, useLoaded } from '../live.ts';

export function Account() {
  return (
    <Page title="Account">
      <Keys />
      <SigningSecrets />
      <Changes />
    </Page>
  );
}

function Keys() {
  const api = useApi();
  const [made, setMade] = useState<CreatedKey | null>(null);
  const keys = useLoaded({
    of: 'keys',
    load: (signal) => api.keys.list({ signal }),
    everyMs: UNTOLD_EVERY_MS,
  });
  const create = useAction(async (form: FormData) => {
    setMade(await api.keys.create({ name: String(form.get('name')) }));
    keys.reload();
  });
  const revoke = useAction(async (id: string) => {
    await api.keys.revoke(id);
    keys.reload();
  });
  return (
    <section aria-labelledby="keys">
      <h2 id="keys">API keys</h2>
      <Problem problem={create.problem ?? revoke.problem ?? keys.problem} />
      {made && (
        <p class="once" role="status">
          The key “{made.name}”, shown this once: <Copy text={made.key} />
        </p>
      )}
      {keys.value && (
        <Table label="Keys" columns={['Name', 'Begins with', 'Created', 'Last used', 'In use']}>
          {keys.value.map((key) => (
            <tr key={key.id}>
              <td>{key.name}</td>
              <td>
                <code>{key.prefix}…</code>
              </td>
              <td>
                <Time at={key.created_at} />
              </td>
              <td>
                <Time at={key.last_used_at} />
              </td>
              <td>
                {key.revoked_at !== null ? (
                  <State of="revoked" />
                ) : key.source === 'setting' ? (
                  'by the settings of the server'
                ) : (
                  <Confirm label="Revoke" disabled={revoke.busy} onConfirm={() => revoke.run(key.id)}>
                    Whoever uses the key “{key.name}” is refused from now on, this page too if it is its own.
                  </Confirm>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          create.run(new FormData(event.currentTarget));
          event.currentTarget.reset();
        }}
      >
        <label>
          Name of a new key
          <input name="name" required maxLength={100} />
        </label>
        <button type="submit" disabled={create.busy}>
          Create
        </button>
      </form>
    </section>
  );
}

function SigningSecrets() {
  const api = useApi();
  const secrets = useLoaded({
    of: 'secrets',
    load: (signal) => api.signingSecrets.list({ signal }),
    everyMs: UNTOLD_EVERY_MS,
  });
  const rotate = useAction(async () => {
    await api.signingSecrets.rotate();
    secrets.reload();
  });
  return (
    <section aria-labelledby="secrets">
      <header class="title">
        <h2 id="secrets">Signing secrets</h2>
        <Confirm label="Rotate" disabled={rotate.busy} onConfirm={() => rotate.run()}>
          A new secret signs from now on. The old one signs along for a day: take the new one to your
          receivers before that.
        </Confirm>
      </header>
      <p class="hint">Each of these signs every callback of this account (Standard Webhooks).</p>
      <Problem problem={rotate.problem ?? secrets.problem} />
      {secrets.value?.map((secret) => (
        <Secret
          key={secret.secret ?? secret.public_key}
          text={secret.secret ?? secret.public_key ?? ''}
          hidden={secret.secret !== undefined}
          source={secret.source}
          createdAt={secret.created_at}
          expiresAt={secret.expires_at}
        />
      ))}
    </section>
  );
}

type SecretProps = {
  text: string;
  hidden: boolean;
  source: 'server' | 'account';
  createdAt: string | null;
  expiresAt: string | null;
};

function Secret({ text, hidden, source, createdAt, expiresAt }: SecretProps) {
  const [shown, setShown] = useState(!hidden);
  return (
    <p>
      {shown ? (
        <Copy text={text} />
      ) : (
        <>
          <code>{text.slice(0, 6)}…</code>{' '}
          <button type="button" class="small" onClick={() => setShown(true)}>
            show
          </button>
        </>
      )}{' '}
      {source === 'server' ? 'the server’s, for every account without its own' : 'of this account'}
      {createdAt !== null && (
        <>
          , made <Time at={createdAt} />
        </>
      )}
      {expiresAt !== null && (
        <>
          , signs until <Time at={expiresAt} />
        </>
      )}
    </p>
  );
}
