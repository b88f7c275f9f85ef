// Links that narrow a list to one value of a filter, or to none.
import { words } from '../format.ts';

type ChoicesProps = {
  label: string;
  values: readonly string[];
  chosen: string | null;
  /** Of a value's word, where another says more. */
  named?: (value: string) => string;
  to: (value: string | undefined) => string;
};

export function Choices({ label, values, chosen, named = words, to }: ChoicesProps) {
  return (
    <nav class="choices" aria-label={label}>
      <a href={to(undefined)} aria-current={chosen === null}>
        all
      </a>
      {values.map((value) => (
        <a key={value} href={to(value)} aria-current={chosen === value}>
          {named(value)}
        </a>
      ))}
    </nav>
  );
}
