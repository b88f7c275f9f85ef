import { useEffect, useRef, useState } from 'preact/hooks';
import type { Inbox } from '../../../src/http/schemas/inbox.ts';
import { BASE } from '../api.ts';
import { AudioSource, type Kind } from '../elements/audio-source.tsx';
import { Command } from '../elements/command.tsx';
import { Refusals } from '../elements/field.tsx';
import { Options } from '../elements/options.tsx';
import { Page } from '../elements/page.tsx';
import { Problem } from '../elements/problem.tsx';
import { Receiver } from '../elements/receiver.tsx';
import { useAction } from '../live.ts';
import { FieldError, readOptions, requestAsCurl } from '../new-request.ts';
import { refusalsOf } from '../refusals.ts';
import { go, link } from '../route.ts';
import { type Audio, isOfItsAudio, nameOf, useSubmissions } from '../submissions.ts';

export function NewTranscription() {
  const form = useRef<HTMLFormElement>(null);
  const [kind, setKind] = useState<Kind>('files');
  const [urls, setUrls] = useState('');
  const [inbox, setInbox] = useState<Inbox | null>(null);
  const [refused, setRefused] = useState<unknown>();
  const submissions = useSubmissions();
  const listed = submissions.all.filter(({ progress }) => progress.state !== 'accepted');
  const addFiles = (files: readonly File[]) => {
    setKind('files');
    submissions.add(files);
  };
  usePasted(addFiles);
  const submit = useAction(async () => {
    if (!form.current) return;
    setRefused(undefined);
    // What is wrong with the options is said before anything is uploaded.
    const options = readOptions(new FormData(form.current));
    const audios: Audio[] =
      kind === 'files'
        ? listed.flatMap(({ audio }) => (typeof audio === 'string' ? [] : [audio]))
        : urls.split('\n').flatMap((line) => line.trim() || []);
    if (audios.length === 0)
      throw kind === 'files'
        ? new Error('Choose a file first, or give a URL.')
        : new FieldError('audio_url', 'is required: give a URL, or choose a file');
    if (kind === 'urls') {
      submissions.clearUrls();
      submissions.add(audios);
    }
    const { accepted, refused, left } = await submissions.submit(audios, options);
    const [only] = accepted;
    if (audios.length === 1 && only !== undefined) go(['transcriptions', only]);
    // What went through is not sent twice.
    if (kind === 'urls') setUrls(left.map(nameOf).join('\n'));
    setRefused(refused.find((problem) => !isOfItsAudio(problem)));
  });
  const fields = Array.from(form.current?.elements ?? [], (one) => one.getAttribute('name') ?? '').filter(
    Boolean,
  );
  const { byField, rest } = refusalsOf(submit.problem ?? refused, fields);
  return (
    <Page title="New transcription" under={{ label: 'Transcriptions', href: link(['transcriptions']) }}>
      <Refusals.Provider value={byField}>
        <form
          ref={form}
          class="panel"
          onSubmit={(event) => {
            event.preventDefault();
            submit.run();
          }}
        >
          <AudioSource
            kind={kind}
            onKind={setKind}
            all={submissions.all}
            onFiles={addFiles}
            onRemove={submissions.remove}
            urls={urls}
            onUrls={setUrls}
            busy={submit.busy}
          />
          <Receiver inbox={inbox} onInbox={setInbox} />
          <Options />
          <div class="actions">
            <button type="submit" class="main" disabled={submit.busy}>
              {submit.busy ? 'Sending…' : 'Transcribe'}
            </button>
          </div>
          <Problem problem={rest} />
          <SameAsCurl
            form={form}
            source={kind === 'files' ? listed[0]?.audio : urls.trim().split('\n', 1)[0]}
          />
        </form>
      </Refusals.Provider>
    </Page>
  );
}

/** Files from the clipboard, wherever on the page they are pasted. */
function usePasted(onFiles: (files: readonly File[]) => void): void {
  const current = useRef(onFiles);
  current.current = onFiles;
  useEffect(() => {
    const paste = ({ clipboardData }: ClipboardEvent) => {
      const files = Array.from(clipboardData?.files ?? []);
      if (files.length > 0) current.current(files);
    };
    addEventListener('paste', paste);
    return () => removeEventListener('paste', paste);
  }, []);
}

type CurlProps = { form: { current: HTMLFormElement | null }; source: Audio | undefined };

/** Made when it is opened, and again with every change. */
function SameAsCurl({ form, source }: CurlProps) {
  const [text, setText] = useState<string | null>(null);
  const make = () => {
    if (!form.current) return;
    try {
      const options = readOptions(new FormData(form.current));
      const given = source === undefined || source === '' ? 'FILE' : source;
      setText(
        requestAsCurl(
          BASE.href,
          typeof given === 'string' && given !== 'FILE' ? { url: given } : { file: nameOf(given) },
          options,
        ),
      );
    } catch (error) {
      setText(`# ${(error as Error).message}`);
    }
  };
  const isOpen = text !== null;
  useEffect(() => {
    if (!isOpen) return;
    make();
    const current = form.current;
    current?.addEventListener('input', make);
    return () => current?.removeEventListener('input', make);
  }, [isOpen, source]);
  return (
    <details onToggle={(event) => (event.currentTarget.open ? make() : setText(null))}>
      <summary>The same request as curl</summary>
      {text !== null && (
        <>
          <p class="hint">
            With the key in <code>RINGBACK_API_KEY</code>.
          </p>
          <Command text={text} />
        </>
      )}
    </details>
  );
}
