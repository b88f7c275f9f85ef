// The way around: a sidebar on a wide screen, the bar at the bottom of a phone, where what does not fit is behind "More".
import { useEffect, useRef, useState } from 'preact/hooks';
import { FIRST_PLACES, MORE_PLACES, type Place } from '../pages.tsx';
import { link } from '../route.ts';
import { Icon } from './icon.tsx';

export function Places({ here, onOut }: { here: string; onOut: () => void }) {
  const [open, setOpen] = useState(false);
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!open) return;
    const close = (event: Event) => {
      if (event instanceof KeyboardEvent ? event.key === 'Escape' : !isInside(nav.current, event))
        setOpen(false);
    };
    addEventListener('keydown', close);
    addEventListener('pointerdown', close);
    return () => {
      removeEventListener('keydown', close);
      removeEventListener('pointerdown', close);
    };
  }, [open]);
  useEffect(() => setOpen(false), [here]);
  return (
    <nav ref={nav} class="places" aria-label="Pages" data-open={open || undefined}>
      {FIRST_PLACES.map((place) => (
        <To key={place.name} place={place} here={here} />
      ))}
      <button type="button" class="open-more" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="more" />
        More
      </button>
      <div class="more">
        {MORE_PLACES.map((place) => (
          <To key={place.name} place={place} here={here} />
        ))}
        <a href="docs" class="last">
          <Icon name="reference" />
          API
        </a>
        <button type="button" onClick={onOut}>
          <Icon name="out" />
          Sign out
        </button>
      </div>
    </nav>
  );
}

const isInside = (nav: HTMLElement | null, { target }: Event) =>
  target instanceof Node && nav?.contains(target) === true;

function To({ place: { name, label, icon }, here }: { place: Place; here: string }) {
  return (
    <a href={link([name])} aria-current={here === name ? 'page' : undefined}>
      <Icon name={icon} />
      {label}
    </a>
  );
}
