// Puts a text on the clipboard, where the browser allows it: on https and localhost only.
import { useState } from 'preact/hooks';

const SHOWN_MS = 1_500;

type CopyButtonProps = {
  /** Made when it is asked for: it may be large. */
  text: () => string | Promise<string>;
  /** What is copied, for those who do not see what stands beside. */
  what: string;
  label?: string;
};

export function CopyButton({ text, what, label = 'copy' }: CopyButtonProps) {
  const clipboard: Clipboard | undefined = navigator.clipboard;
  const [copied, setCopied] = useState<'copied' | 'not allowed' | null>(null);
  if (!clipboard) return null;
  const copy = async () => {
    const done = await clipboard.writeText(await text()).then(
      () => 'copied' as const,
      () => 'not allowed' as const,
    );
    setCopied(done);
    setTimeout(() => setCopied(null), SHOWN_MS);
  };
  return (
    <button type="button" class="small" onClick={() => void copy()}>
      {copied ?? label}
      <span class="said-only"> {what}</span>
    </button>
  );
}
