// One box for whatever somebody has in hand; `/` leads there from anywhere. Arrows go through what was found.
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { SearchHit } from '../../../src/http/schemas/search.ts';
import { useApi } from '../context.ts';
import { words } from '../format.ts';
import { link } from '../route.ts';
import { Icon } from './icon.tsx';
import { Problem } from './problem.tsx';
import { State } from './state.tsx';
import { Time } from './time.tsx';

/** After the last letter. */
const WAIT_MS = 200;
const PLACES = { transcription: 'transcriptions', callback: 'callbacks', endpoint: 'endpoints' } as const;

const hrefOf = ({ kind, id }: SearchHit): string => link([PLACES[kind], id]);

type Found = { text: string; hits?: SearchHit[]; problem?: unknown };

export function SearchBox({ here }: { here: string }) {
  const [text, setText] = useState('');
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  const found = useFound(text);
  useSlash(input);
  useEffect(() => {
    setOpen(false);
    setText('');
  }, [here]);
  const hits = found?.hits ?? [];
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const hit = hits[chosen];
    if (step !== undefined && hits.length > 0) {
      event.preventDefault();
      setChosen((chosen + step + hits.length) % hits.length);
    } else if (event.key === 'Enter' && open && hit) location.hash = hrefOf(hit);
    else if (event.key === 'Escape') setOpen(false);
  };
  const shown = open && found !== null;
  return (
    <search class="search">
      <Icon name="search" />
      <input
        ref={input}
        type="text"
        inputMode="search"
        // biome-ignore lint/a11y/noRedundantRoles: it has no list attribute, without which it is none by itself
        role="combobox"
        list={undefined}
        aria-label="Search"
        aria-expanded={shown}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={shown && hits[chosen] ? `${list}-${chosen}` : undefined}
        aria-keyshortcuts="/"
        autoComplete="off"
        placeholder="Search   /"
        title="An id or its beginning, a URL, key=value of metadata, an error code, a status, a file name"
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setChosen(0);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        onBlur={({ currentTarget, relatedTarget }) => {
          // A click on what was found takes the focus first.
          const stays = relatedTarget instanceof Node && currentTarget.parentElement?.contains(relatedTarget);
          if (stays !== true) setOpen(false);
        }}
        onKeyDown={keys}
      />
      <Hits id={list} shown={shown} found={found} chosen={chosen} />
    </search>
  );
}

type HitsProps = { id: string; shown: boolean; found: Found | null; chosen: number };

function Hits({ id, shown, found, chosen }: HitsProps) {
  const hits = found?.hits ?? [];
  return (
    <div class="hits" hidden={!shown}>
      <div id={id} role="listbox" aria-label="Found">
        {hits.map((hit, index) => (
          <a
            key={hit.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === chosen}
            tabIndex={-1}
            href={hrefOf(hit)}
          >
            <span class="cut">
              <span class="hint">{hit.kind}</span> {hit.name}
            </span>
            <span class="hint">by {words(hit.matched)}</span>
            {hit.state !== null && <State of={hit.state} />}
            {hit.callback_state !== null && (
              <State of={hit.callback_state} label={`callback ${hit.callback_state}`} />
            )}
            <Time at={hit.created_at} />
          </a>
        ))}
      </div>
      {found?.hits?.length === 0 && (
        <p class="hint" role="status">
          Nothing is called “{found.text}”: try an id, a URL, order=A-17, 503, a file name.
        </p>
      )}
      <Problem problem={found?.problem} />
    </div>
  );
}

function useFound(text: string): Found | null {
  const api = useApi();
  const [found, setFound] = useState<Found | null>(null);
  const asked = text.trim();
  useEffect(() => {
    if (asked === '') return setFound(null);
    const stop = new AbortController();
    const timer = setTimeout(() => {
      api.search({ q: asked, limit: 12 }, { signal: stop.signal }).then(
        (hits) => setFound({ text: asked, hits }),
        (problem: unknown) => stop.signal.aborted || setFound({ text: asked, problem }),
      );
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [asked, api]);
  return found;
}

/** Not while somebody types elsewhere. */
function useSlash(input: { readonly current: HTMLInputElement | null }): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof Element && event.target.closest('input, textarea, select') !== null;
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [input]);
}
