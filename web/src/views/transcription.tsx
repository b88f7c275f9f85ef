import { useMemo, useRef, useState } from 'preact/hooks';
import type { Job, Result } from '../../../src/http/schemas/job.ts';
import { srt, vtt } from '../captions.ts';
import { useApi } from '../context.ts';
import { Addons } from '../elements/addons.tsx';
import { Attempts } from '../elements/attempts.tsx';
import { Confirm } from '../elements/confirm.tsx';
import { Copy } from '../elements/copy.tsx';
import { Facts } from '../elements/facts.tsx';
import { Json } from '../elements/json.tsx';
import { Page } from '../elements/page.tsx';
import { Player } from '../elements/player.tsx';
import { Problem } from '../elements/problem.tsx';
import { Save } from '../elements/save.tsx';
import { State } from '../elements/state.tsx';
import { Time } from '../elements/time.tsx';
import { Transcript } from '../elements/transcript.tsx';
import { findingsOf } from '../findings.ts';
import { clock, shortId, span, words } from '../format.ts';
import { useAction, useLoaded } from '../live.ts';
import { go, link } from '../route.ts';

export function Transcription({ id }: { id: string }) {
  const api = useApi();
  const job = useLoaded({
    of: id,
    load: (signal) => api.transcriptions.get(id, { signal }),
    concerns: (event) => event.event === 'job' && event.data.id === id,
  });
  const remove = useAction(async () => {
    await api.transcriptions.delete(id);
    go(['transcriptions']);
  });
  const cancel = useAction(async () => {
    await api.transcriptions.cancel(id);
    job.reload();
  });
  const { value } = job;
  const unfinished = value?.status === 'queued' || value?.status === 'processing';
  return (
    <Page
      title="Transcription"
      name={shortId(id)}
      under={{ label: 'Transcriptions', href: link(['transcriptions']) }}
      beside={
        <>
          {value && <State of={value.status} />}
          {unfinished && (
            <Confirm label="Cancel" disabled={cancel.busy} onConfirm={cancel.run}>
              The transcription ends with the error cancelled, and its callback says so.
            </Confirm>
          )}
          {value && value.status !== 'processing' && (
            <Confirm label="Delete" disabled={remove.busy} onConfirm={remove.run}>
              The transcription goes, with its result, its audio and what its callbacks carried. Callbacks
              that wait are not sent any more.
            </Confirm>
          )}
        </>
      }
      problem={cancel.problem ?? remove.problem ?? job.problem}
    >
      {value && <Record job={value} />}
      {value && <Callbacks id={id} />}
    </Page>
  );
}

function Record({ job }: { job: Job }) {
  const { file, result } = job;
  return (
    <>
      <Facts
        of={[
          ['Id', <Copy key="id" text={job.id} />],
          ['Created', <Time key="created" at={job.created_at} />],
          job.completed_at !== null && ['Completed', <Time key="completed" at={job.completed_at} />],
          ['Audio', file?.filename ?? file?.source ?? String(job.request_params.audio_url)],
          file?.audio_duration != null && ['Length', clock(file.audio_duration)],
          result !== null && ['Took, queue included', span(result.metadata.transcription_time)],
          result !== null && ['Channels', result.metadata.number_of_distinct_channels],
        ]}
      />
      {job.error_message !== null && (
        <div class="problem" role="alert">
          <p>
            <strong>{words(job.error_reason ?? 'error')}</strong>: {job.error_message}
          </p>
        </div>
      )}
      {result?.metadata.warnings?.map((warning) => (
        <p key={warning} class="hint" role="note">
          {warning}
        </p>
      ))}
      {job.status === 'queued' && <p class="hint">It waits for its turn.</p>}
      {job.status === 'processing' && <p class="hint">It is being transcribed.</p>}
      {result && <Outcome job={job} result={result} />}
      {job.custom_metadata !== null && <Json label="custom_metadata" value={job.custom_metadata} />}
      <Json label="The request" value={job.request_params} />
    </>
  );
}

function Outcome({ job, result }: { job: Job; result: Result }) {
  const [at, setAt] = useState<number | null>(null);
  const audio = useRef<HTMLAudioElement>(null);
  const { utterances, languages } = result.transcription;
  const findings = useMemo(() => findingsOf(result), [result]);
  const seek = (seconds: number) => {
    if (!audio.current) return;
    audio.current.currentTime = seconds;
    void audio.current.play();
  };
  return (
    <section aria-labelledby="transcript">
      <header class="title">
        <h2 id="transcript">Transcript{languages.length > 0 && ` (${languages.join(', ')})`}</h2>
        <Files job={job} result={result} />
      </header>
      {job.file && <Player id={job.id} audio={audio} onTime={setAt} />}
      <p class="legend">
        <span>
          <mark class="unsure">dotted</mark> unsure of the word
        </span>
        {findings.hasMoods && <span>a bar at the left: positive or negative</span>}
        {findings.types.map(([type, count]) => (
          <span key={type}>
            <span class="entity">{words(type.toLowerCase())}</span> {count}
          </span>
        ))}
      </p>
      <Transcript of={utterances} findings={findings} at={at} onSeek={seek} />
      <Addons result={result} />
    </section>
  );
}

/** Of every finished one; subtitles as its request asked for them, else made from the times of the words. */
function Files({ job: { id }, result }: { job: Job; result: Result }) {
  const { full_transcript, utterances, subtitles = [] } = result.transcription;
  const asked = (wanted: string) => subtitles.find(({ format }) => format === wanted)?.subtitles;
  return (
    <div class="actions">
      <Save label="TXT" name={`${id}.txt`} type="text/plain" text={() => `${full_transcript}\n`} />
      <Save label="SRT" name={`${id}.srt`} type="text/plain" text={() => asked('srt') ?? srt(utterances)} />
      <Save label="VTT" name={`${id}.vtt`} type="text/vtt" text={() => asked('vtt') ?? vtt(utterances)} />
      <Save
        label="JSON"
        name={`${id}.json`}
        type="application/json"
        text={() => JSON.stringify(result, null, 2)}
      />
    </div>
  );
}

function Callbacks({ id }: { id: string }) {
  const api = useApi();
  const { value, problem } = useLoaded({
    of: id,
    load: (signal) => api.transcriptions.callbacks(id, { signal }),
    concerns: (event) => event.event === 'delivery' && event.data.transcription_id === id,
  });
  return (
    <section aria-labelledby="callbacks">
      <h2 id="callbacks">Did they get it?</h2>
      <Problem problem={problem} />
      {value?.length === 0 && (
        <p class="hint">No callback so far: none was asked for, or the transcription has not ended.</p>
      )}
      {value?.map((callback) => (
        <article key={callback.id}>
          <p>
            <State of={callback.state} /> {callback.method} <span class="url">{callback.url}</span>{' '}
            {callback.webhook_id !== null && <span class="hint">webhook, {callback.event} </span>}
            <a href={link(['callbacks', callback.id])}>open</a>
          </p>
          {callback.reason !== null && <p>{callback.reason}</p>}
          <Attempts of={callback.attempts} to={callback.url} />
        </article>
      ))}
    </section>
  );
}
