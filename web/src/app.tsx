// Who is signed in, where they are, and whether what they see is live.
import type { VNode } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { openApi } from './api.ts';
import { ApiContext } from './context.ts';
import { LiveContext, useStream } from './live.ts';
import { link, type Route, useRoute } from './route.ts';
import { forgetKey, storedKey, storeKey } from './session.ts';
import { Account } from './views/account.tsx';
import { Callback } from './views/callback.tsx';
import { Callbacks } from './views/callbacks.tsx';
import { Endpoint } from './views/endpoint.tsx';
import { Endpoints } from './views/endpoints.tsx';
import { NewTranscription } from './views/new-transcription.tsx';
import { Replays } from './views/replays.tsx';
import { SignIn } from './views/sign-in.tsx';
import { Transcription } from './views/transcription.tsx';
import { Transcriptions } from './views/transcriptions.tsx';

const PLACES = [
  ['transcriptions', 'Transcriptions'],
  ['callbacks', 'Callbacks'],
  ['endpoints', 'Endpoints'],
  ['replays', 'Replays'],
  ['account', 'Account'],
] as const;

export function App() {
  const [key, setKey] = useState(storedKey);
  const [because, setBecause] = useState<unknown>();
  if (key === null)
    return (
      <SignIn
        because={because}
        onKey={(given, options) => {
          storeKey(given, options);
          setKey(given);
        }}
      />
    );
  return (
    <SignedIn
      apiKey={key}
      onOut={(why) => {
        forgetKey();
        setBecause(why);
        setKey(null);
      }}
    />
  );
}

function SignedIn({ apiKey, onOut }: { apiKey: string; onOut: (why?: unknown) => void }) {
  const api = useMemo(() => openApi(apiKey), [apiKey]);
  const { live, connected } = useStream(api, onOut);
  const route = useRoute();
  const place = route.path[0] ?? 'transcriptions';
  useEffect(() => {
    document.title = `${PLACES.find(([name]) => name === place)?.[1] ?? 'Nothing here'} – Ringback`;
  }, [place]);
  return (
    <ApiContext.Provider value={api}>
      <LiveContext.Provider value={live}>
        <header class="bar">
          <a class="brand" href={link([])}>
            Ringback
          </a>
          <nav class="places" aria-label="Pages">
            {PLACES.map(([name, label]) => (
              <a key={name} href={link([name])} aria-current={place === name ? 'page' : undefined}>
                {label}
              </a>
            ))}
            <a href="docs">API</a>
          </nav>
          <span class={connected ? 'live' : 'live away'} role="status">
            {connected ? 'live' : 'not live: connecting…'}
          </span>
          <button type="button" class="small" onClick={() => onOut()}>
            Sign out
          </button>
        </header>
        {view(route)}
      </LiveContext.Provider>
    </ApiContext.Provider>
  );
}

function view(route: Route): VNode {
  const [place = 'transcriptions', id, ...more] = route.path;
  if (more.length === 0) {
    if (place === 'transcriptions' && id === undefined) return <Transcriptions route={route} />;
    if (place === 'transcriptions' && id === 'new') return <NewTranscription />;
    if (place === 'transcriptions' && id !== undefined) return <Transcription key={id} id={id} />;
    if (place === 'callbacks' && id === undefined) return <Callbacks route={route} />;
    if (place === 'callbacks' && id !== undefined) return <Callback key={id} id={id} />;
    if (place === 'endpoints' && id === undefined) return <Endpoints route={route} />;
    if (place === 'endpoints' && id !== undefined) return <Endpoint key={id} id={id} />;
    if (place === 'replays' && id === undefined) return <Replays route={route} />;
    if (place === 'account' && id === undefined) return <Account />;
  }
  return (
    <main>
      <h1>Nothing here</h1>
      <p>
        <a href={link([])}>Transcriptions</a>
      </p>
    </main>
  );
}
