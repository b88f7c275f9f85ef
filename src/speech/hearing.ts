// From the decoded channels of a recording to what was said on each: judges which of them speak for themselves, has those
// recognised, and leaves out what one only repeats of another.

import type { ChannelMode } from '../job-options.ts';
import type { DistinctChannel } from './channels.ts';
import { type ChannelsMeasured, compareChannels, STEP } from './compare.ts';
import { ownWords, type Sound } from './echo-words.ts';
import type { Engine, RecogniseOptions } from './engine.ts';
import { mix, mute } from './mute.ts';
import { type Judgement, judgeChannels } from './one-voice.ts';
import type { Utterance, Word } from './transcript.ts';
import { utterancesOf } from './words.ts';

export type HearingOptions = {
  engine: Pick<Engine, 'recognise'>;
  /** Null: as the sound tells. */
  mode: ChannelMode | null;
  /** Channels in the file. */
  channels: number;
  signal: AbortSignal;
  /** Told of each stretch that sounds like speech: its seconds, and how many words were understood. */
  onSpeech?: RecogniseOptions['onSpeech'];
  /** From 0 to 1. */
  onProgress: (fraction: number) => void;
};

/** The utterances of each channel that counts; at least one. */
export type Heard = Utterance[][];

/** Changes the files of the channels. */
export async function hearChannels(
  distinct: readonly DistinctChannel[],
  options: HearingOptions,
): Promise<Heard> {
  if (options.mode === 'separate') return separately(distinct, options);
  if (distinct.length === 1) return recogniseAll(distinct.slice(0, 1), options);
  const measured = await compareChannels(
    distinct.map(({ pcm }) => pcm),
    options.signal,
  );
  const judgement = judgeChannels(measured);
  const channels = judgement.groups.map(({ members, best }) => ({
    channel: distinct[members[0] ?? 0]?.channel ?? 0,
    pcm: (distinct[best] as DistinctChannel).pcm,
  }));
  for (const [i, { repeats }] of judgement.groups.entries())
    await mute((channels[i] as Channel).pcm, repeats);
  if (options.mode === 'mono') {
    await mix(
      channels.map(({ pcm }) => pcm),
      options.signal,
    );
    return recogniseAll([{ channel: 0, pcm: (channels[0] as Channel).pcm }], options);
  }
  const heard = await recogniseAll(channels, options);
  return counted(withoutEchoes(heard, soundOf(measured, judgement)), channels, options.channels);
}

type Channel = Pick<DistinctChannel, 'channel' | 'pcm'>;

/** Every channel of the file, whatever it holds. */
async function separately(distinct: readonly DistinctChannel[], options: HearingOptions): Promise<Heard> {
  const heard = await recogniseAll(distinct, options);
  return distinct.flatMap(({ channel, twins }, i) =>
    [channel, ...twins].map((number) =>
      (heard[i] ?? []).map((utterance) => ({ ...utterance, channel: number })),
    ),
  );
}

async function recogniseAll(
  channels: readonly Channel[],
  { engine, signal, onSpeech = () => {}, onProgress }: HearingOptions,
): Promise<Heard> {
  const heard: Heard = [];
  for (const [index, { channel, pcm }] of channels.entries())
    heard.push(
      await engine.recognise(pcm, {
        channel,
        signal,
        onSpeech,
        onProgress: (seconds) =>
          onProgress(Math.min(1, (index + (seconds * 16_000) / pcm.samples) / channels.length)),
      }),
    );
  return heard;
}

/** Channels without words do not count. In a film with one that has them, it is not a side of a call. */
function counted(heard: Heard, channels: readonly Channel[], inFile: number): Heard {
  const speaking = heard.filter((utterances) => utterances.length > 0);
  const [only] = speaking;
  if (!only) return [[]];
  const side = inFile <= 2 && channels.length > 1;
  if (speaking.length > 1 || side) return speaking;
  return [only.map((utterance) => ({ ...utterance, channel: channels.length > 1 ? 0 : utterance.channel }))];
}

function withoutEchoes(heard: Heard, sound: Sound): Heard {
  const words = heard.map((utterances) => ({ words: utterances.flatMap((one) => one.words) }));
  return ownWords(words, sound).map((own, i) => {
    const before = heard[i] ?? [];
    const [first] = before;
    if (!first || own.length === words[i]?.words.length) return before;
    return utterancesOf(own.map(timed), first.channel, first.language);
  });
}

const timed = ({ word, ...rest }: Word) => ({ text: word, ...rest });

function soundOf({ levels }: ChannelsMeasured, { groups, same }: Judgement): Sound {
  const place = (group: number) => groups[group]?.best ?? 0;
  const loudness = (group: number, start: number, end: number) => {
    const own = levels[place(group)] ?? new Float32Array();
    return Math.max(...windowsOf(start, end).map((w) => own[w] ?? -120));
  };
  return {
    louder: (one, other, start, end) => loudness(one, start, end) - loudness(other, start, end),
    same: (one, other, start, end) => {
      const marks = same(place(one), place(other));
      const windows = windowsOf(start, end);
      return windows.filter((w) => marks[w] === 1).length * 2 > windows.length;
    },
  };
}

/** Those whose middle lies between, or the nearest one. */
function windowsOf(start: number, end: number): number[] {
  const first = Math.max(0, Math.round(start / STEP - 0.5));
  const last = Math.max(first, Math.round(end / STEP - 1.5));
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
