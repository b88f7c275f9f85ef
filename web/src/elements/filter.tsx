// Fields that narrow a list. Each goes into the address when it is left or Enter is pressed, so that a list is not
// asked for at every letter.
type FilterTextProps = {
  label: string;
  value: string | null;
  placeholder: string;
  onChange: (value: string | undefined) => void;
};

export function FilterText({ label, value, placeholder, onChange }: FilterTextProps) {
  return (
    <input
      type="search"
      aria-label={label}
      placeholder={placeholder}
      key={value}
      defaultValue={value ?? ''}
      onChange={(event) => {
        const text = event.currentTarget.value.trim();
        if (text !== (value ?? '')) onChange(text === '' ? undefined : text);
      }}
    />
  );
}

type FilterChoiceProps = {
  label: string;
  value: string | null;
  /** What stands for none. */
  any: string;
  values: readonly (readonly [value: string, label: string])[];
  onChange: (value: string | undefined) => void;
};

export function FilterChoice({ label, value, any, values, onChange }: FilterChoiceProps) {
  return (
    <select
      aria-label={label}
      value={value ?? ''}
      onChange={(event) => onChange(event.currentTarget.value || undefined)}
    >
      <option value="">{any}</option>
      {values.map(([one, named]) => (
        <option key={one} value={one} selected={one === value}>
          {named}
        </option>
      ))}
    </select>
  );
}

const SPANS = [
  ['1h', 'last hour', 3_600],
  ['24h', 'last 24 hours', 86_400],
  ['7d', 'last 7 days', 604_800],
] as const;

/** When something was made: the names stand in the address, so that a kept link goes on meaning "the last hour". */
export function FilterTime({ value, onChange }: Pick<FilterChoiceProps, 'value' | 'onChange'>) {
  const values = SPANS.map(([name, label]) => [name, label] as const);
  return <FilterChoice label="Made" value={value} any="any time" values={values} onChange={onChange} />;
}

/** The instant that such a name stands for now; undefined for none. */
export function sinceOf(name: string | null): string | undefined {
  const seconds = SPANS.find(([one]) => one === name)?.[2];
  return seconds === undefined ? undefined : new Date(Date.now() - 1_000 * seconds).toISOString();
}
