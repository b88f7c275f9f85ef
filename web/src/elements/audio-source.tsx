// The audio of new transcriptions: files (chosen, dropped or pasted), or URLs. One or the other, by a switch.
import { useState } from 'preact/hooks';
import { bytes } from '../format.ts';
import { type Audio, nameOf, type Submission } from '../submissions.ts';
import { Field } from './field.tsx';
import { SubmissionState } from './submission-state.tsx';

export type Kind = 'files' | 'urls';

type Props = {
  kind: Kind;
  onKind: (kind: Kind) => void;
  all: readonly Submission[];
  onFiles: (files: readonly File[]) => void;
  onRemove: (audio: Audio) => void;
  urls: string;
  onUrls: (text: string) => void;
  busy: boolean;
};

export function AudioSource({ kind, onKind, all, onFiles, onRemove, urls, onUrls, busy }: Props) {
  return (
    <fieldset>
      <legend>Audio</legend>
      <div class="switch">
        <button type="button" aria-pressed={kind === 'files'} onClick={() => onKind('files')}>
          Files
        </button>
        <button type="button" aria-pressed={kind === 'urls'} onClick={() => onKind('urls')}>
          URLs
        </button>
      </div>
      {kind === 'files' ? (
        <Drop onFiles={onFiles} />
      ) : (
        <Field name="audio_url" label="URLs, one a line" hint="The server fetches them: it must reach them.">
          {(tied) => (
            <textarea
              {...tied}
              rows={3}
              spellcheck={false}
              value={urls}
              placeholder="https://cdn.example.org/call-42.mp3"
              onInput={(event) => onUrls(event.currentTarget.value)}
            />
          )}
        </Field>
      )}
      {all.length > 0 && (
        <ul class="submissions" aria-label="What was given">
          {all.map((one, index) => (
            <li key={index}>
              <span class="cut" title={nameOf(one.audio)}>
                {nameOf(one.audio)}
              </span>
              {typeof one.audio !== 'string' && <span class="hint">{bytes(one.audio.size)}</span>}
              <SubmissionState of={one.progress} />
              {!busy && one.progress.state !== 'accepted' && (
                <button type="button" class="small" onClick={() => onRemove(one.audio)}>
                  remove<span class="said-only"> {nameOf(one.audio)}</span>
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </fieldset>
  );
}

function Drop({ onFiles }: { onFiles: (files: readonly File[]) => void }) {
  const [over, setOver] = useState(false);
  const take = (files: FileList | null | undefined) => {
    if (files && files.length > 0) onFiles(Array.from(files));
  };
  return (
    <label
      class={over ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files);
      }}
    >
      <span>
        <span class="button">Choose files</span> or drop or paste them here
      </span>
      <input
        class="said-only"
        type="file"
        multiple
        accept="audio/*,video/*"
        onChange={(event) => {
          take(event.currentTarget.files);
          // So that the same file may be chosen once more.
          event.currentTarget.value = '';
        }}
      />
    </label>
  );
}
