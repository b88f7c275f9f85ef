// To the pages of a list before and after; null where there is none.
export function Pager({ newest, older }: { newest: string | null; older: string | null }) {
  if (newest === null && older === null) return null;
  return (
    <nav class="pager" aria-label="Pages">
      {newest === null ? <span /> : <a href={newest}>Newest</a>}
      {older === null ? <span /> : <a href={older}>Older</a>}
    </nav>
  );
}
