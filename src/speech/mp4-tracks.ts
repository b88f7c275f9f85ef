// The sound tracks of an MP4's index, one of them alone, and when on the clock of the movie its samples play: by its edit
// list, and by sample times that leave gaps (ISO/IEC 14496-12 §8.6). Pure.

import { text, walk } from './mp4-boxes.ts';

export type Mp4Track = {
  id: number;
  /** Players take the first that is enabled. */
  isDefault: boolean;
  /** Samples of the sound, of the movie: ticks a second. */
  scale: number;
  movieScale: number;
  /** Seconds of the movie before the track begins. */
  delay: number;
  /** Ticks of the track that the edit list leaves out at the start. */
  skipped: number;
  /** Seconds that its edits show, or the movie lasts; null where neither says it. */
  shown: number | null;
  /** Its edit list takes several pieces, or puts pauses between them. */
  pieces: boolean;
  /** Bytes within the index of its `trak` box. */
  start: number;
  end: number;
};

/** In order. `moov` is the whole box. */
export function soundTracks(moov: Uint8Array): Mp4Track[] {
  const tracks: Mp4Track[] = [];
  for (const { start, end } of trakBoxes(moov)) {
    const track = readTrack(moov, start, end);
    if (track) tracks.push({ ...track, ...movieOf(moov) });
  }
  return tracks.map((track) => withEdits(moov, track));
}

/** The index without the other sound tracks: their boxes become free space, so that no offset moves. */
export function onlyTrack(moov: Uint8Array, kept: Mp4Track): Uint8Array {
  const copy = moov.slice();
  for (const { start } of soundTracks(moov))
    if (start !== kept.start) copy.set(Buffer.from('free', 'latin1'), start + 4);
  return copy;
}

/** Its edit list without the pauses before the track, which whoever decodes adds: a decoder would trip over them. */
export function withoutPauses(moov: Uint8Array, { start, end }: Mp4Track): Uint8Array {
  const copy = moov.slice();
  const view = new DataView(copy.buffer);
  walk(moov, start, end, (type, body, stop) => {
    if (type !== 'elst') return;
    const kept = edits(moov, body, stop).filter((edit) => edit.media >= 0);
    const size = moov[body] === 1 ? 20 : 12;
    view.setUint32(body + 4, kept.length);
    for (const [i, { at }] of kept.entries()) copy.set(moov.subarray(at, at + size), body + 8 + i * size);
  });
  return copy;
}

function* trakBoxes(moov: Uint8Array): Generator<{ start: number; end: number }> {
  const view = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  for (let at = 8; at + 8 <= moov.length; ) {
    const size = view.getUint32(at) || moov.length - at;
    if (size < 8 || at + size > moov.length) return;
    if (text(moov, at + 4) === 'trak') yield { start: at, end: at + size };
    at += size;
  }
}

function readTrack(moov: Uint8Array, start: number, end: number): Mp4Track | null {
  const view = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  let sound = false;
  const track: Mp4Track = {
    ...{ id: 0, isDefault: true, scale: 0, movieScale: 0, delay: 0, skipped: 0, shown: null, pieces: false },
    ...{ start, end },
  };
  walk(moov, start + 8, end, (type, body, stop) => {
    if (type === 'tkhd' && stop - body >= 24) {
      track.isDefault = ((moov[body + 3] ?? 0) & 1) === 1;
      track.id = view.getUint32(body + (moov[body] === 1 ? 20 : 12));
    }
    if (type === 'mdhd' && stop - body >= 24)
      track.scale = view.getUint32(body + (moov[body] === 1 ? 20 : 12));
    if (type === 'hdlr' && text(moov, body + 8) === 'soun') sound = true;
  });
  return sound ? track : null;
}

/** Its clock, and its length: that of the longest track. */
function movieOf(moov: Uint8Array): Pick<Mp4Track, 'movieScale' | 'shown'> {
  const view = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  let movieScale = 0;
  let shown: number | null = null;
  walk(moov, 8, moov.length, (type, body, stop) => {
    const wide = moov[body] === 1;
    if (type !== 'mvhd' || movieScale > 0 || stop - body < (wide ? 32 : 20)) return;
    movieScale = view.getUint32(body + (wide ? 20 : 12));
    const ticks = wide ? Number(view.getBigUint64(body + 24)) : view.getUint32(body + 16);
    const known = ticks > 0 && ticks < (wide ? 2 ** 63 : 2 ** 32 - 1);
    if (known && movieScale > 0) shown = ticks / movieScale;
  });
  return { movieScale, shown };
}

type Edit = { at: number; duration: number; media: number };

function edits(moov: Uint8Array, body: number, end: number): Edit[] {
  const view = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  const wide = moov[body] === 1;
  const size = wide ? 20 : 12;
  const count = Math.min(view.getUint32(body + 4), Math.floor((end - body - 8) / size));
  return Array.from({ length: count }, (_, i) => {
    const at = body + 8 + i * size;
    return wide
      ? { at, duration: Number(view.getBigUint64(at)), media: Number(view.getBigInt64(at + 8)) }
      : { at, duration: view.getUint32(at), media: view.getInt32(at + 4) };
  });
}

function withEdits(moov: Uint8Array, track: Mp4Track): Mp4Track {
  let list: Edit[] = [];
  walk(moov, track.start + 8, track.end, (type, body, end) => {
    if (type === 'elst' && list.length === 0) list = edits(moov, body, end);
  });
  const first = list.findIndex((edit) => edit.media >= 0);
  if (first < 0 || track.movieScale === 0) return track;
  const sum = (some: Edit[]) => some.reduce((all, edit) => all + edit.duration, 0) / track.movieScale;
  const shown = list.slice(first).filter((edit) => edit.media >= 0);
  return {
    ...track,
    delay: sum(list.slice(0, first)),
    skipped: shown[0]?.media ?? 0,
    shown: shown.every((edit) => edit.duration > 0) ? sum(shown) : track.shown,
    pieces: list.length - first > 1,
  };
}
