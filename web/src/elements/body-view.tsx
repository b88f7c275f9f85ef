// A body as its bytes are: as JSON that folds where it is JSON, raw in parts, and as a file. It is text, never markup.
import { useMemo, useState } from 'preact/hooks';
import { parseKept } from '../../../src/exact-json.ts';
import { bytes } from '../format.ts';
import { CopyButton } from './copy-button.tsx';
import { JsonTree } from './json-tree.tsx';

/** Raw characters at a time. */
const PART = 65_536;
/** A browser takes about 0.1 s to parse so much; more is shown raw until it is asked for. */
const PARSED_BYTES = 4_000_000;

type BodyViewProps = {
  body: Uint8Array;
  /** Of the file it is saved as. */
  name: string;
};

export function BodyView({ body, name }: BodyViewProps) {
  const text = useMemo(() => new TextDecoder().decode(body), [body]);
  const parsed = useMemo(() => (body.length > PARSED_BYTES ? null : parse(text)), [body, text]);
  const [raw, setRaw] = useState(false);
  const [shown, setShown] = useState(PART);
  const isRaw = raw || parsed === null;
  return (
    <div class="body">
      <div class="actions">
        <fieldset class="switch">
          <legend class="said-only">How the body is shown</legend>
          <button
            type="button"
            aria-pressed={!isRaw}
            disabled={parsed === null}
            onClick={() => setRaw(false)}
          >
            Pretty
          </button>
          <button type="button" aria-pressed={isRaw} onClick={() => setRaw(true)}>
            Raw
          </button>
        </fieldset>
        <span class="hint">{bytes(body.length)}</span>
        <CopyButton text={() => text} what="the body" />
        <button type="button" class="small" onClick={() => save(body, name)}>
          download
        </button>
      </div>
      {isRaw ? (
        <>
          <pre>{text.slice(0, shown)}</pre>
          {text.length > shown && (
            <button type="button" class="small" onClick={() => setShown(shown + PART)}>
              show {bytes(Math.min(PART, text.length - shown))} more of {bytes(text.length)}
            </button>
          )}
        </>
      ) : (
        <div class="tree">
          <JsonTree value={parsed.value} />
        </div>
      )}
    </div>
  );
}

function parse(text: string): { value: unknown } | null {
  try {
    return { value: parseKept(text) };
  } catch {
    // It is no JSON, which is nobody's fault: it is shown as it is.
    return null;
  }
}

function save(body: Uint8Array, name: string): void {
  const url = URL.createObjectURL(new Blob([Uint8Array.from(body)], { type: 'application/octet-stream' }));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  URL.revokeObjectURL(url);
}
