// What every page begins with: its name, what stands beside it, and why it could not be had or done.
import type { ComponentChildren } from 'preact';
import { Problem } from './problem.tsx';

type PageProps = {
  title: string;
  beside?: ComponentChildren;
  problem?: unknown;
  children?: ComponentChildren;
};

export function Page({ title, beside, problem, children }: PageProps) {
  return (
    <main>
      <header class="title">
        <h1>{title}</h1>
        {beside}
      </header>
      <Problem problem={problem} />
      {children}
    </main>
  );
}
