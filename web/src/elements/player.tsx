// The audio of a transcription, once somebody wants to hear it: it may be large, and is only sent with a key.
import type { Ref } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useApi } from '../context.ts';
import { useAction } from '../live.ts';
import { Problem } from './problem.tsx';

type PlayerProps = {
  /** Of the transcription. */
  id: string;
  audio: Ref<HTMLAudioElement>;
  /** Hears the place that is playing, in seconds. */
  onTime: (seconds: number) => void;
};

export function Player({ id, audio, onTime }: PlayerProps) {
  const api = useApi();
  const [url, setUrl] = useState<string | null>(null);
  const load = useAction(async () => {
    const blob = await new Response(await api.transcriptions.file(id)).blob();
    setUrl(URL.createObjectURL(blob));
  });
  useEffect(() => () => (url === null ? undefined : URL.revokeObjectURL(url)), [url]);
  return (
    <div class="actions">
      {url === null ? (
        <button type="button" disabled={load.busy} onClick={() => load.run()}>
          {load.busy ? 'Loading the audio…' : 'Listen'}
        </button>
      ) : (
        // biome-ignore lint/a11y/useMediaCaption: the transcript stands below and follows what is heard
        <audio
          ref={audio}
          src={url}
          controls
          autoPlay
          onTimeUpdate={(event) => onTime(event.currentTarget.currentTime)}
        />
      )}
      <Problem problem={load.problem} />
    </div>
  );
}
