// A button for what cannot be taken back, or reaches far: says what will happen, and asks.
import type { ComponentChildren } from 'preact';
import { useId, useRef } from 'preact/hooks';

type ConfirmProps = {
  label: string;
  /** What will happen. */
  children: ComponentChildren;
  disabled?: boolean;
  onConfirm: () => void;
};

export function Confirm({ label, children, disabled = false, onConfirm }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const text = useId();
  return (
    <>
      <button type="button" class="danger" disabled={disabled} onClick={() => dialog.current?.showModal()}>
        {label}
      </button>
      <dialog ref={dialog} aria-labelledby={text}>
        <p id={text}>{children}</p>
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Leave it
          </button>
          <button
            type="button"
            class="danger"
            onClick={() => {
              dialog.current?.close();
              onConfirm();
            }}
          >
            {label}
          </button>
        </div>
      </dialog>
    </>
  );
}
