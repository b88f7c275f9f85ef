// A value that is wanted elsewhere: selectable, and copied with one click where the browser allows it.
import { useState } from 'preact/hooks';

const SHOWN_MS = 1_500;

export function Copy({ text }: { text: string }) {
  // Only on https and localhost.
  const clipboard: Clipboard | undefined = navigator.clipboard;
  const [copied, setCopied] = useState<'copied' | 'not allowed' | null>(null);
  const copy = async () => {
    const done = await clipboard?.writeText(text).then(
      () => 'copied' as const,
      () => 'not allowed' as const,
    );
    setCopied(done ?? null);
    setTimeout(() => setCopied(null), SHOWN_MS);
  };
  return (
    <span class="copy">
      <code>{text}</code>
      {clipboard && (
        <button type="button" class="small" onClick={() => void copy()} aria-label={`Copy ${text}`}>
          {copied ?? 'copy'}
        </button>
      )}
    </span>
  );
}
