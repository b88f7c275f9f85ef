// A value that is wanted elsewhere: selectable, and copied with one click where the browser allows it.
import { CopyButton } from './copy-button.tsx';

export function Copy({ text }: { text: string }) {
  return (
    <span class="copy">
      <code>{text}</code>
      <CopyButton text={() => text} what={text} />
    </span>
  );
}
