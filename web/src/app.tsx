// Who is signed in, where they are, and whether what they see is live.
import { useMemo, useState } from 'preact/hooks';
import { openApi } from './api.ts';
import { ApiContext } from './context.ts';
import { Places } from './elements/places.tsx';
import { SearchBox } from './elements/search-box.tsx';
import { LiveContext, useStream } from './live.ts';
import { FIRST_PLACE, view } from './pages.tsx';
import { link, useRoute } from './route.ts';
import { forgetKey, storedKey, storeKey } from './session.ts';
import { SignIn } from './views/sign-in.tsx';

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
  const api = useMemo(() => openApi(apiKey, onOut), [apiKey]);
  const { live, connected } = useStream(api);
  const route = useRoute();
  const here = route.path[0] ?? FIRST_PLACE;
  return (
    <ApiContext.Provider value={api}>
      <LiveContext.Provider value={live}>
        <button type="button" class="skip" onClick={skip}>
          Skip to the page
        </button>
        <div class="shell">
          <header class="side">
            <a class="brand" href={link([])}>
              <Mark />
              Ringback
            </a>
            <SearchBox here={route.path.join('/')} />
            <Places here={here} onOut={() => onOut()} />
            <span class={connected ? 'live' : 'live away'} role="status">
              {connected ? 'live' : 'not live: connecting…'}
            </span>
          </header>
          {view(route)}
        </div>
      </LiveContext.Provider>
    </ApiContext.Provider>
  );
}

/** A button: a link would change the address, which says which page is shown. */
function skip(): void {
  document.querySelector<HTMLElement>('main h1')?.focus();
}

function Mark() {
  return (
    <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="currentColor" />
      <g fill="none" stroke="var(--side)" stroke-width="3" stroke-linecap="round" stroke-linejoin="round">
        <path d="M9 20a7 7 0 1 1 3 2.6" />
        <path d="M6.5 15.5 9 20.5l5-2" />
      </g>
    </svg>
  );
}
