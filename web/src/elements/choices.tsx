// Links that narrow a list to one value of a filter, or to none.
import { words } from '../format.ts';

type ChoicesProps = {
  label: string;
  values: readonly string[];
  chosen: string | null;
  to: (value: string | undefined) => string;
};

export function Choices({ label, values, chosen, to }: ChoicesProps) {
  return (
    <nav class="choices" aria-label={label}>
      <a href={to(undefined)} aria-current={chosen === null}>
        all
      </a>
      {values.map((value) => (
        <a key={value} href={to(value)} aria-current={chosen === value}>
          {words(value)}
        </a>
      ))}
    </nav>
  );
}
