// Utterances with their times; the one that is heard word by word. Words the recogniser was unsure of are marked.
import { useState } from 'preact/hooks';
import type { Utterance, Word } from '../../../src/http/schemas/job.ts';
import { clock, percent } from '../format.ts';

/** Below it about every second word is wrong. */
const UNSURE = 0.5;
/** A ten-hour transcript has thousands: the page shows so many until asked for all. */
const SHOWN = 500;

type TranscriptProps = {
  of: readonly Utterance[];
  /** Where the audio is, in seconds; null while it is not played. */
  at: number | null;
  onSeek: (seconds: number) => void;
};

export function Transcript({ of, at, onSeek }: TranscriptProps) {
  const [all, setAll] = useState(false);
  const channels = new Set(of.map(({ channel }) => channel)).size;
  const shown = all ? of : of.slice(0, SHOWN);
  if (of.length === 0) return <p class="hint">No speech was heard.</p>;
  return (
    <div class="transcript">
      {shown.map((utterance) => (
        <p key={`${utterance.channel} ${utterance.start}`}>
          <button type="button" class="small" onClick={() => onSeek(utterance.start)}>
            {clock(utterance.start)}
          </button>
          <span>
            {channels > 1 && <strong>Channel {utterance.channel} </strong>}
            {utterance.words.map((word) => (
              <Heard key={`${word.start} ${word.word}`} word={word} at={at} />
            ))}
          </span>
        </p>
      ))}
      {shown.length < of.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {of.length} utterances
        </button>
      )}
    </div>
  );
}

function Heard({ word, at }: { word: Word; at: number | null }) {
  const playing = at !== null && at >= word.start && at < word.end;
  if (!playing && word.confidence >= UNSURE) return <>{word.word}</>;
  const text = word.word.trimStart();
  return (
    <>
      {word.word.slice(0, word.word.length - text.length)}
      <mark
        class={playing ? 'playing' : 'unsure'}
        title={`${clock(word.start, 2)}–${clock(word.end, 2)}, confidence ${percent(word.confidence)}`}
      >
        {text}
      </mark>
    </>
  );
}
