// A command for a terminal, to be copied.
import { CopyButton } from './copy-button.tsx';

export function Command({ text }: { text: string }) {
  return (
    <div class="command">
      <code>{text}</code>
      <CopyButton text={() => text} what="the command" />
    </div>
  );
}
