// custom_metadata on one line, as its owner tells things apart: `order=A-17 customer=acme`.
const MOST = 200;

export function Metadata({ of }: { of: Readonly<Record<string, unknown>> | null | undefined }) {
  const pairs = Object.entries(of ?? {});
  if (pairs.length === 0) return null;
  const text = pairs.map(([key, value]) => `${key}=${textOf(value)}`).join('  ');
  return (
    <span class="cut narrow metadata" title={text.slice(0, MOST)}>
      {text.slice(0, MOST)}
    </span>
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
