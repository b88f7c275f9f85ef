// What every page begins with: its name, what stands beside it, and why it could not be had or done. It names the
// window, and takes the focus when somebody comes from another page, so that a screen reader says where they are.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Problem } from './problem.tsx';

type PageProps = {
  title: string;
  /** Which one of its kind, for the window's title. */
  name?: string | undefined;
  /** The list it belongs to. */
  under?: { label: string; href: string };
  beside?: ComponentChildren;
  problem?: unknown;
  children?: ComponentChildren;
};

/** The page that a browser opens leaves the focus where browsers put it. */
let isFirst = true;

export function Page({ title, name, under, beside, problem, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${name === undefined ? title : `${title} ${name}`} – Ringback`;
  }, [title, name]);
  useEffect(() => {
    if (isFirst) isFirst = false;
    else {
      scrollTo(0, 0);
      heading.current?.focus({ preventScroll: true });
    }
  }, []);
  return (
    <main id="main">
      <header class="title">
        <div class="name">
          {under && (
            <a class="crumb" href={under.href}>
              {under.label}
            </a>
          )}
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
        </div>
        {beside}
      </header>
      <Problem problem={problem} />
      {children}
    </main>
  );
}
