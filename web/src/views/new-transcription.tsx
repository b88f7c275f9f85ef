import { useState } from 'preact/hooks';
import { type DeliveryForm, METHODS, type Method } from '../../../src/delivery.ts';
import { parseKept } from '../../../src/exact-json.ts';
import type { JobRequest } from '../../../src/http/job-request.ts';
import { SUBTITLE_FORMATS, type SubtitleFormat } from '../../../src/job-options.ts';
import { useApi } from '../context.ts';
import { Page } from '../elements/page.tsx';
import { Problem } from '../elements/problem.tsx';
import { percent } from '../format.ts';
import { useAction } from '../live.ts';
import { go } from '../route.ts';

/** Of a request: what is on or off. */
const FLAGS = [
  ['sentences', 'Sentences'],
  ['punctuation_enhanced', 'Mend punctuation'],
  ['named_entity_recognition', 'Entities'],
  ['sentiment_analysis', 'Sentiment'],
  ['pii_redaction', 'Redact personal data'],
  ['summarization', 'Summary (needs a language model)'],
] as const;

export function NewTranscription() {
  const api = useApi();
  const [sent, setSent] = useState<number | null>(null);
  const submit = useAction(async (form: FormData) => {
    // What is wrong with the options is said before anything is uploaded.
    const options = readOptions(form);
    const file = form.get('file');
    const source =
      file instanceof File && file.size > 0
        ? (await api.upload(file, setSent)).audio_url
        : String(form.get('audio_url')).trim();
    const { id } = await api.transcriptions.create({ audio_url: source, ...options });
    go(['transcriptions', id]);
  });
  return (
    <Page title="New transcription">
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          setSent(null);
          submit.run(new FormData(event.currentTarget));
        }}
      >
        <fieldset>
          <legend>Audio</legend>
          <label>
            A file
            <input type="file" name="file" accept="audio/*,video/*" />
          </label>
          <label>
            or its URL
            <input type="url" name="audio_url" placeholder="https://cdn.example.org/call-42.mp3" />
          </label>
        </fieldset>
        <fieldset>
          <legend>Callback</legend>
          <label>
            Call this URL when it has ended
            <input type="url" name="callback" placeholder="https://app.example.org/hooks/stt?job=A-17" />
          </label>
          <div class="row">
            <label>
              Method
              <select name="method">
                {METHODS.map((method) => (
                  <option key={method}>{method}</option>
                ))}
              </select>
            </label>
            <label>
              Carries
              <select name="payload">
                <option value="full">the result</option>
                <option value="reference">a link to the result</option>
              </select>
            </label>
          </div>
        </fieldset>
        <fieldset>
          <legend>Options</legend>
          <div class="row">
            {FLAGS.map(([name, label]) => (
              <label key={name} class="check">
                <input type="checkbox" name={name} />
                {label}
              </label>
            ))}
            {SUBTITLE_FORMATS.map((format) => (
              <label key={format} class="check">
                <input type="checkbox" name="subtitles" value={format} />
                {format.toUpperCase()} subtitles
              </label>
            ))}
          </div>
          <label>
            Anything else, as JSON
            <textarea
              name="more"
              rows={3}
              spellcheck={false}
              placeholder={'{ "custom_metadata": { "order": "A-17" }, "custom_vocabulary": ["Ringback"] }'}
            />
          </label>
        </fieldset>
        <div class="actions">
          <button type="submit" class="main" disabled={submit.busy}>
            Transcribe
          </button>
          {submit.busy && sent !== null && (
            <label>
              <progress max={1} value={sent} /> {sent < 1 ? percent(sent) : 'stored and measured…'}
            </label>
          )}
        </div>
        <Problem problem={submit.problem} />
      </form>
    </Page>
  );
}

function readOptions(form: FormData): Omit<JobRequest, 'audio_url'> {
  const text = (name: string) => String(form.get(name) ?? '').trim();
  const callback = text('callback');
  const formats = form.getAll('subtitles') as SubtitleFormat[];
  return {
    ...(callback !== '' && {
      callback: true,
      callback_config: {
        url: callback,
        method: text('method') as Method,
        payload: text('payload') as DeliveryForm,
      },
    }),
    ...Object.fromEntries(FLAGS.filter(([name]) => form.has(name)).map(([name]) => [name, true])),
    ...(formats.length > 0 && { subtitles: true, subtitles_config: { formats } }),
    ...readMore(text('more')),
  };
}

function readMore(text: string): object {
  if (text === '') return {};
  let value: unknown;
  try {
    value = parseKept(text);
  } catch (cause) {
    throw new Error(`"Anything else" must be JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(
      '"Anything else" must be a JSON object, such as { "custom_metadata": { "order": "A-17" } }',
    );
  return value;
}
