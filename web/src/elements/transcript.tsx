// Utterances with their times; the one that is heard word by word. Words the recogniser was unsure of are marked.
import { useMemo, useState } from 'preact/hooks';
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
        <Said
          key={`${utterance.channel} ${utterance.start}`}
          utterance={utterance}
          named={channels > 1}
          playing={playingWord(utterance, at)}
          onSeek={onSeek}
        />
      ))}
      {shown.length < of.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {of.length} utterances
        </button>
      )}
    </div>
  );
}

/** Its place in the utterance; -1 while another utterance, or none, is heard. */
function playingWord({ start, end, words }: Utterance, at: number | null): number {
  if (at === null || at < start || at > end) return -1;
  return words.findIndex((word) => at >= word.start && at < word.end);
}

type SaidProps = {
  utterance: Utterance;
  /** Several channels talk. */
  named: boolean;
  playing: number;
  onSeek: (seconds: number) => void;
};

function Said({ utterance, named, playing, onSeek }: SaidProps) {
  // Four times a second the audio tells where it is: of thousands of utterances two at most are drawn anew.
  const text = useMemo(
    () => utterance.words.map((word, index) => <Heard key={index} word={word} playing={index === playing} />),
    [utterance, playing],
  );
  return (
    <p>
      <button type="button" class="small" onClick={() => onSeek(utterance.start)}>
        {clock(utterance.start)}
      </button>
      <span>
        {named && <strong>Channel {utterance.channel} </strong>}
        {text}
      </span>
    </p>
  );
}

function Heard({ word, playing }: { word: Word; playing: boolean }) {
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
