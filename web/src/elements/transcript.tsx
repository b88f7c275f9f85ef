// Utterances with their times; the one that is heard word by word. Words the recogniser was unsure of are marked.
import type { VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { Utterance, Word } from '../../../src/http/schemas/job.ts';
import type { Findings, Found } from '../findings.ts';
import { clock, percent, words } from '../format.ts';

/** Below it about every second word is wrong. */
const UNSURE = 0.5;
/** A ten-hour transcript has thousands: the page shows so many until asked for all. */
const SHOWN = 500;

type TranscriptProps = {
  of: readonly Utterance[];
  findings: Findings;
  /** Where the audio is, in seconds; null while it is not played. */
  at: number | null;
  onSeek: (seconds: number) => void;
};

export function Transcript({ of, findings, at, onSeek }: TranscriptProps) {
  const [all, setAll] = useState(false);
  const channels = new Set(of.map(({ channel }) => channel)).size;
  const shown = all ? of : of.slice(0, SHOWN);
  const found = useMemo(() => shown.map(findings.of), [of, findings, all]);
  if (of.length === 0) return <p class="hint">No speech was heard.</p>;
  return (
    <div class="transcript">
      {shown.map((utterance, index) => (
        <Said
          key={`${utterance.channel} ${utterance.start}`}
          utterance={utterance}
          found={found[index]}
          who={whoOf(utterance, channels)}
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

function whoOf({ speaker, channel }: Utterance, channels: number): string | null {
  if (speaker !== undefined) return `Speaker ${speaker + 1}`;
  return channels > 1 ? `Channel ${channel}` : null;
}

/** Its place in the utterance; -1 while another utterance, or none, is heard. */
function playingWord({ start, end, words }: Utterance, at: number | null): number {
  if (at === null || at < start || at > end) return -1;
  return words.findIndex((word) => at >= word.start && at < word.end);
}

type SaidProps = {
  utterance: Utterance;
  found: Found | undefined;
  /** Where several talk. */
  who: string | null;
  playing: number;
  onSeek: (seconds: number) => void;
};

function Said({ utterance, found, who, playing, onSeek }: SaidProps) {
  // Four times a second the audio tells where it is: of thousands of utterances two at most are drawn anew.
  const text = useMemo(() => textOf(utterance.words, found, playing), [utterance, found, playing]);
  const mood = found?.mood ?? null;
  return (
    <p class={mood ?? undefined}>
      <button type="button" class="small" onClick={() => onSeek(utterance.start)}>
        {clock(utterance.start)}
      </button>
      <span>
        {who !== null && <strong class="who">{who} </strong>}
        {text}
        {mood !== null && <span class="mood"> {mood}</span>}
      </span>
    </p>
  );
}

/** Words, those of one entity together. */
function textOf(words: readonly Word[], found: Found | undefined, playing: number): VNode[] {
  const entityOf = (word: Word) =>
    found?.entities.find((one) => one.start <= word.start && word.end <= one.end);
  const parts: VNode[] = [];
  for (let index = 0; index < words.length; ) {
    const entity = entityOf(words[index] as Word);
    let end = index + 1;
    while (entity && end < words.length && entityOf(words[end] as Word) === entity) end++;
    // The space before an entity is none of it.
    const first = words[index] as Word;
    const bare = entity ? first.word.trimStart() : first.word;
    const heard = [{ ...first, word: bare }, ...words.slice(index + 1, end)].map((word, place) => (
      <Heard key={index + place} word={word} playing={index + place === playing} />
    ));
    parts.push(
      <span key={index}>
        {first.word.slice(0, first.word.length - bare.length)}
        <span {...(entity && { class: 'entity', title: named(entity.type) })}>{heard}</span>
      </span>,
    );
    index = end;
  }
  return parts;
}

const named = (type: string): string => words(type.toLowerCase());

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
