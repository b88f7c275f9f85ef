// Where nothing is yet: what would stand here, and the next step, as a command to copy where there is one.
import type { ComponentChildren } from 'preact';
import { Command } from './command.tsx';

type EmptyProps = { title: string; children?: ComponentChildren; command?: string };

export function Empty({ title, children, command }: EmptyProps) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {command !== undefined && <Command text={command} />}
    </div>
  );
}
