import { useState } from 'preact/hooks';
import { openApi } from '../api.ts';
import { Command } from '../elements/command.tsx';
import { Problem } from '../elements/problem.tsx';
import { useAction } from '../live.ts';

type SignInProps = {
  /** Why somebody is asked again. */
  because: unknown;
  onKey: (key: string, options: { keep: boolean }) => void;
};

export function SignIn({ because, onKey }: SignInProps) {
  const [key, setKey] = useState('');
  const [keep, setKeep] = useState(false);
  const enter = useAction(async () => {
    const given = key.trim();
    // Any call that needs the key tells whether it is one.
    await openApi(given).keys.list();
    onKey(given, { keep });
  });
  return (
    <main class="sign-in">
      <h1>Ringback</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          enter.run();
        }}
      >
        <label>
          API key
          <input
            type="password"
            name="key"
            autoComplete="current-password"
            required
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <label class="check">
          <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
          Stay signed in on this device
        </label>
        <button type="submit" class="main" disabled={enter.busy}>
          Sign in
        </button>
        <Problem problem={enter.problem ?? because} />
      </form>
      <section class="hint" aria-label="No key at hand?">
        <p>No key at hand? The server prints one at its first start; another is made on its machine:</p>
        <Command text="ringback keys create NAME" />
        <p>The key stays in this browser and is sent to this server alone.</p>
      </section>
    </main>
  );
}
