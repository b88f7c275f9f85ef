// To the pages of a list before and after; null where there is none.
type PagerProps = { newest: string | null; older: string | null; words?: readonly [string, string] };

export function Pager({ newest, older, words: [first, next] = ['Newest', 'Older'] }: PagerProps) {
  if (newest === null && older === null) return null;
  return (
    <nav class="pager" aria-label="Pages">
      {newest === null ? <span /> : <a href={newest}>{first}</a>}
      {older === null ? <span /> : <a href={older}>{next}</a>}
    </nav>
  );
}
