// What may be asked of a transcription, each with a sentence.
import { useContext } from 'preact/hooks';
import { CHANNEL_MODES, SUBTITLE_FORMATS } from '../../../src/job-options.ts';
import { CHANNEL_WORDS, FLAGS } from '../new-request.ts';
import { Field, Refusals } from './field.tsx';

/** Behind "More options", which opens where one of them is refused. */
const MORE = ['channels', 'audio_track', 'custom_vocabulary', 'translation_config.target_languages', 'more'];

export function Options() {
  const refusals = useContext(Refusals);
  return (
    <fieldset>
      <legend>Options</legend>
      <div class="flags">
        {FLAGS.map(([name, label, sentence]) => (
          <div key={name}>
            <label class="check">
              <input type="checkbox" name={name} aria-describedby={`what-${name}`} />
              {label}
            </label>
            <span id={`what-${name}`} class="hint">
              {sentence}
            </span>
          </div>
        ))}
        {SUBTITLE_FORMATS.map((format) => (
          <div key={format}>
            <label class="check">
              <input type="checkbox" name="subtitles" value={format} aria-describedby={`what-${format}`} />
              {format.toUpperCase()} subtitles
            </label>
            <span id={`what-${format}`} class="hint">
              In the result and the callback. Every transcript can be saved as {format.toUpperCase()} anyway.
            </span>
          </div>
        ))}
      </div>
      <Field
        name="custom_metadata"
        label="Metadata, one key=value a line"
        hint="Comes back in the record and the callback, and is found by the search."
      >
        {(tied) => <textarea {...tied} rows={2} spellcheck={false} placeholder="order=A-17" />}
      </Field>
      <details open={MORE.some((name) => refusals.has(name)) || undefined}>
        <summary>More options</summary>
        <div class="fields">
          <div class="row">
            <Field
              name="channels"
              label="Channels"
              hint="Without it as the sound tells: one voice is told once."
            >
              {(tied) => (
                <select {...tied}>
                  <option value="">as the sound tells</option>
                  {CHANNEL_MODES.map((mode) => (
                    <option key={mode} value={mode}>
                      {CHANNEL_WORDS[mode]}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <Field name="audio_track" label="Audio track" hint="Of a film with several; 1 is the first.">
              {(tied) => <input {...tied} type="number" min={1} placeholder="the default one" />}
            </Field>
          </div>
          <Field
            name="custom_vocabulary"
            label="Words to listen for, one a line"
            hint="Names and terms that the recogniser cannot know."
          >
            {(tied) => <textarea {...tied} rows={2} placeholder="Ringback" />}
          </Field>
          <Field
            name="translation_config.target_languages"
            label="Translate into"
            hint="Codes such as fr, de. Needs a language model (RINGBACK_LLM_URL)."
          >
            {(tied) => <input {...tied} placeholder="none" />}
          </Field>
          <Field
            name="more"
            label="Anything else, as JSON"
            hint={
              <>
                Further fields of <code>POST /v2/pre-recorded</code>; they win over those above.
              </>
            }
          >
            {(tied) => (
              <textarea
                {...tied}
                rows={3}
                spellcheck={false}
                placeholder={'{ "subtitles_config": { "maximum_rows_per_caption": 1 } }'}
              />
            )}
          </Field>
        </div>
      </details>
    </fieldset>
  );
}
