// What the decoders of audio-decode are fed, in the order in which they can use it at once: pieces of the file, and between
// them the clock and the places where a new decoder must begin.

import type { WasmTask } from './decode-wasm.ts';
import { damaged, needsFfmpeg } from './decoder.ts';
import { fourCc, readAt } from './file-bytes.ts';
import {
  type MatroskaHeader,
  type MatroskaTrack,
  matroskaClock,
  matroskaGaps,
  readMatroskaHeader,
} from './matroska.ts';
import { fragmentClock, indexFirst, mp4Layout, readMoov, soundFormat } from './mp4.ts';
import { type ClockMark, mp4Clock } from './mp4-clock.ts';
import { mostSamples } from './mp4-tables.ts';
import { onlyTrack, soundTracks, withoutPauses } from './mp4-tracks.ts';
import { oggClock, oggHeadBytes } from './ogg.ts';
import type { WaveSound } from './probed.ts';
import { adtsFrame, type MediaKind, mpegFrame } from './sniff.ts';

export type Step =
  | { bytes: Uint8Array }
  /** What comes next plays at this second. */
  | { at: number }
  /** What comes next is a sound of another rate or other channels: it needs a decoder of its own. */
  | { fresh: true };

/** Samples of an MP4 that the decoder can list in its heap of 512 MB. */
const MOST_LISTED = 30_000_000;
/** FLAC packs silence 300 to 1 and a hostile file far more: small pieces keep one answer small. */
const PIECE_BYTES: Partial<Record<MediaKind, number>> = { flac: 8192, mp4: 131_072, matroska: 131_072 };
const USUAL_PIECE = 65_536;
/** Headers of Matroska: real ones have some kilobytes. */
const MOST_HEADER = 16 * 2 ** 20;

export function steps(fd: number, task: WasmTask): Generator<Step> {
  if (task.kind === 'mp4') return mp4Steps(fd, task);
  if (task.kind === 'matroska') return matroskaSteps(fd, task);
  if (task.kind === 'opus') return opusSteps(fd, task);
  if (task.wave) return waveSteps(fd, task, task.wave);
  if (task.kind === 'flac') return wholeFlacHeaders(plainPieces(fd, task));
  if (task.kind === 'mp3') return frameSteps(fd, task, (head, at) => named(mpegFrame(head, at)));
  if (task.kind === 'aac') return frameSteps(fd, task, (head, at) => named(adtsFrame(head, at)));
  return plainPieces(fd, task);
}

function plainPieces(fd: number, task: WasmTask): Generator<Step> {
  return between(fd, task, [[task.audioStart, task.audioEnd]], []);
}

/** The ranges in pieces, cut before each mark of the clock. Marks must be in order of their place. */
function* between(
  fd: number,
  task: WasmTask,
  ranges: readonly (readonly [number, number])[],
  marks: Iterable<ClockMark>,
): Generator<Step> {
  const size = PIECE_BYTES[task.kind] ?? USUAL_PIECE;
  const clock = marks[Symbol.iterator]();
  let mark = clock.next();
  for (const [start, end] of ranges) {
    for (let at = start; at < end; ) {
      while (mark.done === false && mark.value.at <= at) {
        if (mark.value.at === at) yield { at: mark.value.seconds - task.clockStart };
        mark = clock.next();
      }
      const until = mark.done === false ? Math.min(end, mark.value.at) : end;
      // The WMA decoder loses its place when its header comes in two pieces.
      const bytes = readAt(fd, at, Math.min(Math.max(size, task.headerBytes - at), until - at));
      if (bytes.length === 0) return;
      at += bytes.length;
      yield { bytes };
    }
  }
}

function* mp4Steps(fd: number, task: WasmTask): Generator<Step> {
  const layout = mp4Layout(fd, task.fileBytes);
  const whole = readMoov(fd, layout);
  const track = whole && soundTracks(whole)[task.track];
  if (!whole || !track || !layout.moov) throw damaged(task.kind, 'no moov');
  // An hour of PCM, whose every sample has its place in a list: the decoder's own would be too long for its heap.
  if (mostSamples(whole) > MOST_LISTED)
    throw needsFfmpeg('So long a recording of PCM in an MP4 or QuickTime file');
  if (track.pieces) throw needsFfmpeg('An MP4 or QuickTime file whose edit list joins several pieces');
  const moov = onlyTrack(whole, track);
  const { marks, inOrder } = mp4Clock(moov, track);
  if (!inOrder) throw needsFfmpeg('An MP4 or QuickTime file whose sound is not in order');
  const { head, ranges } = indexFirst(layout, withoutPauses(moov, track));
  const sound = soundFormat(moov);
  const withheld =
    sound?.packed && sound.rate > 0 ? Math.max(0, AAC_FRAME / sound.rate - track.skipped / track.scale) : 0;
  yield { at: track.delay + withheld };
  yield { bytes: head };
  // Its decoder holds sound back: what comes before a gap would come behind it.
  if (sound?.codec === 'fLaC' && (marks.length > 0 || layout.fragmented))
    throw needsFfmpeg('An MP4 file of FLAC in fragments or with gaps in its sound');
  yield* between(fd, task, ranges, layout.fragmented ? fragmentClock(fd, layout, track) : marks);
}

function* matroskaSteps(fd: number, task: WasmTask): Generator<Step> {
  const header: MatroskaHeader = readMatroskaHeader(fd, task.audioStart);
  const track = header.tracks[task.track];
  const { segmentBody, tracksStart, tracksEnd, firstCluster } = header;
  if (!track || segmentBody === null || firstCluster === null) throw damaged(task.kind, 'no cluster');
  if (track.packed) throw needsFfmpeg('A Matroska track whose blocks are compressed');
  if (tracksEnd - tracksStart > MOST_HEADER) throw damaged(task.kind, 'tracks');
  // In one piece and without fonts and covers in between: the decoder gives up when no track comes soon.
  const start = readAt(fd, task.audioStart, segmentBody - task.audioStart);
  const tracks = readAt(fd, tracksStart, tracksEnd - tracksStart);
  for (const other of header.tracks as MatroskaTrack[])
    if (other !== track) tracks[other.typeAt - tracksStart] = NO_SOUND;
  const head = Buffer.concat([start, tracks]);
  const media: [number, number][] = [[firstCluster, task.fileBytes]];
  yield { bytes: head };
  if (HOLDS_BACK.some((codec) => track.codec.startsWith(codec))) {
    yield* anew(between(fd, task, media, matroskaGaps(fd, header, track)), head, true);
    return;
  }
  const withheld = track.codec.startsWith('A_AAC') && track.rate ? AAC_FRAME / track.rate : 0;
  yield* between(
    fd,
    task,
    [[firstCluster, task.fileBytes]],
    late(matroskaClock(fd, header, track), withheld),
  );
}

/** A decoder that holds sound back must end before a gap, and another begins behind it. */
function* anew(source: Iterable<Step>, head: Uint8Array, firstIsStart: boolean): Generator<Step> {
  let begun = !firstIsStart;
  for (const step of source) {
    if ('at' in step && begun) yield* [{ fresh: true }, { bytes: head }] as const;
    begun ||= 'at' in step;
    yield step;
  }
}

function* opusSteps(fd: number, task: WasmTask): Generator<Step> {
  const { audioStart, audioEnd } = task;
  const head = readAt(fd, audioStart, oggHeadBytes(fd, task));
  yield* anew(between(fd, task, [[audioStart, audioEnd]], oggClock(fd, task)), head, false);
}

/** ADPCM of a WAV or Wave64, behind a header that its decoder understands: it trips over padding and other chunks. */
function* waveSteps(fd: number, task: WasmTask, { format, start, end }: WaveSound): Generator<Step> {
  const header = Buffer.alloc(28 + format.length);
  header.write('RIFF', 0, 'latin1');
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(format.length, 16);
  header.set(format, 20);
  header.write('data', 20 + format.length, 'latin1');
  header.writeUInt32LE(Math.min(end - start, 0xffff_fffe), 24 + format.length);
  yield { bytes: header };
  yield* between(fd, task, [[start, end]], []);
}

/** Codecs whose decoders here give sound only once they have seen what follows it, up to a whole piece later. */
const HOLDS_BACK = ['A_VORBIS', 'A_FLAC'];

/** The AAC decoder (FAAD2) gives nothing for its first frame: its sound begins that much later. */
const AAC_FRAME = 1_024;

function* late(marks: Iterable<ClockMark>, seconds: number): Generator<ClockMark> {
  let first = true;
  for (const mark of marks) {
    yield first ? { ...mark, seconds: mark.seconds + seconds } : mark;
    first = false;
  }
}

/** A kind of track that holds buttons. */
const NO_SOUND = 0x12;

type Frame = { bytes: number; name: string };

function named(frame: { bytes: number; rate: number; mono: boolean } | null): Frame | null {
  return frame && { bytes: frame.bytes, name: `${frame.rate} ${frame.mono}` };
}

/** Files that were joined have parts of different rates, which one decoder would play at the wrong speed. */
function* frameSteps(
  fd: number,
  task: WasmTask,
  frameAt: (head: Uint8Array, at: number) => Frame | null,
): Generator<Step> {
  const { audioStart, audioEnd } = task;
  let name: string | null = null;
  let given = audioStart;
  let [head, headAt] = [readAt(fd, audioStart, 2 * USUAL_PIECE), audioStart];
  for (let at = audioStart; at < audioEnd; ) {
    if (at - headAt > USUAL_PIECE) {
      headAt = at;
      head = readAt(fd, at, 2 * USUAL_PIECE);
    }
    const within = at - headAt;
    const frame = frameAt(head, within);
    const next = frame && frameAt(head, within + frame.bytes);
    if (frame && next?.name === frame.name && frame.name !== name) {
      if (name !== null && at > given) {
        yield* between(fd, task, [[given, at]], []);
        yield { fresh: true };
        given = at;
      }
      name = frame.name;
    }
    // A tag between two files that were joined holds pictures, which look like frames.
    at += frame?.bytes ?? (fourCc(head, within).startsWith('ID3') ? tagBytes(head, within) : 1);
  }
  yield* between(fd, task, [[given, audioEnd]], []);
}

function tagBytes(head: Uint8Array, at: number): number {
  const [a, b, c, d] = [6, 7, 8, 9].map((n) => (head[at + n] ?? 0) & 127) as [number, number, number, number];
  return 10 + a * 2 ** 21 + b * 2 ** 14 + c * 2 ** 7 + d;
}

/**
 * The FLAC decoder (@audio/decode-flac 1.3) looks for the next frame header within one piece only, and loses a frame for
 * each header that a piece cuts: 6 s of an hour at 4 KiB. So no piece ends within 20 bytes of a sync word.
 */
function* wholeFlacHeaders(source: Generator<Step>): Generator<Step> {
  let held = new Uint8Array(0);
  for (const step of source) {
    const piece = 'bytes' in step ? step.bytes : new Uint8Array(0);
    const joined = new Uint8Array(held.length + piece.length);
    joined.set(held);
    joined.set(piece, held.length);
    let cut = joined.length;
    for (let at = Math.max(0, joined.length - 20); at < joined.length; at++) {
      const next = joined[at + 1];
      if (joined[at] === 0xff && (next === undefined || (next & 0xfe) === 0xf8)) {
        cut = at;
        break;
      }
    }
    held = joined.slice(cut);
    if (cut > 0) yield { bytes: joined.subarray(0, cut) };
  }
  if (held.length > 0) yield { bytes: held };
}
