// One field of a form, with a sentence on what it does, and beside it what the server has against it.
import type { ComponentChildren } from 'preact';
import { createContext } from 'preact';
import { useContext, useId } from 'preact/hooks';

/** What was refused, by the name of its field. */
export const Refusals = createContext<ReadonlyMap<string, string>>(new Map());

type FieldProps = {
  /** As the API calls it. */
  name: string;
  label: string;
  hint?: ComponentChildren;
  /** Gets what ties it to its hint and its refusal. */
  children: (tied: Tied) => ComponentChildren;
};

export type Tied = {
  id: string;
  name: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean;
};

export function Field({ name, label, hint, children }: FieldProps) {
  const id = useId();
  const refusal = useContext(Refusals).get(name);
  const described = [hint !== undefined && `${id}-hint`, refusal !== undefined && `${id}-refusal`]
    .filter(Boolean)
    .join(' ');
  return (
    <div class="field">
      <label htmlFor={id}>
        {label}
        {children({
          id,
          name,
          'aria-describedby': described || undefined,
          'aria-invalid': refusal !== undefined,
        })}
      </label>
      {hint !== undefined && (
        <span id={`${id}-hint`} class="hint">
          {hint}
        </span>
      )}
      {refusal !== undefined && (
        <span id={`${id}-refusal`} class="refusal" role="alert">
          {refusal}
        </span>
      )}
    </div>
  );
}
