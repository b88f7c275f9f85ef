// Names and values of one thing.
import type { ComponentChildren } from 'preact';

export function Facts({
  of,
}: {
  of: readonly (readonly [name: string, value: ComponentChildren] | false)[];
}) {
  return (
    <dl class="facts">
      {of.map(
        (fact) =>
          fact && (
            <div key={fact[0]}>
              <dt>{fact[0]}</dt>
              <dd>{fact[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
