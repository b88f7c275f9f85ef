// Goes through the channels of one recording side by side and measures every quarter of a second: how loud each one is, and
// how alike each two are. Reads 16 s at a time; keeps four bytes a window and channel, one a window and pair (0.5 MB for ten
// hours of two channels).

import { type Correlation, Delays, HOP, halved, Likeness, type Spectrum, WINDOW } from './likeness.ts';
import { PcmReader } from './pcm.ts';
import { type PcmFile, SAMPLE_RATE } from './transcript.ts';

/** Of two channels, by their places in the list; `alike` has 255 for the same. */
export type PairMeasured = { a: number; b: number; alike: Uint8Array };
export type ChannelsMeasured = { levels: Float32Array[]; pairs: PairMeasured[] };

/** Seconds from one window to the next; a window is twice as long. */
export const STEP = (2 * HOP) / SAMPLE_RATE;
const WINDOWS = 64;
/** A channel below this is silent: it cannot be compared. */
const SILENT = -90;

type Lane = { reader: PcmReader; levels: Float32Array };

export async function compareChannels(
  channels: readonly PcmFile[],
  signal: AbortSignal,
): Promise<ChannelsMeasured> {
  const samples = channels[0]?.samples ?? 0;
  const windows = Math.max(1, Math.ceil(samples / (2 * HOP)) - 1);
  const lanes: Lane[] = [];
  try {
    for (const pcm of channels)
      lanes.push({ reader: await PcmReader.open(pcm), levels: new Float32Array(windows) });
    const pairs = lanes.flatMap((_, b) =>
      Array.from({ length: b }, (_, a) => ({
        measured: { a, b, alike: new Uint8Array(windows) },
        delays: new Delays(),
      })),
    );
    const likeness = new Likeness();
    for (let from = 0; from < windows; from += WINDOWS) {
      signal.throwIfAborted();
      const count = Math.min(WINDOWS, windows - from);
      const spectra = await Promise.all(lanes.map((lane) => spectraOf(lane, from, count, likeness)));
      for (const { measured, delays } of pairs) {
        const [a, b] = [spectra[measured.a] ?? [], spectra[measured.b] ?? []];
        const correlations = Array.from({ length: count }, (_, i) => correlation(likeness, a[i], b[i]));
        for (const [i, alike] of delays.follow(correlations).entries())
          measured.alike[from + i] = Math.round(alike * 255);
      }
    }
    return { levels: lanes.map(({ levels }) => levels), pairs: pairs.map(({ measured }) => measured) };
  } finally {
    for (const { reader } of lanes) await reader.close();
  }
}

async function spectraOf(
  { reader, levels }: Lane,
  from: number,
  count: number,
  likeness: Likeness,
): Promise<Spectrum[]> {
  const start = from * 2 * HOP;
  const samples = halved(await reader.read(start, start + 2 * (count * HOP + WINDOW)));
  return Array.from({ length: count }, (_, i) => {
    const spectrum = likeness.spectrum(samples, i * HOP);
    levels[from + i] = spectrum.level;
    return spectrum;
  });
}

function correlation(
  likeness: Likeness,
  a: Spectrum | undefined,
  b: Spectrum | undefined,
): Correlation | null {
  return a && b && a.level > SILENT && b.level > SILENT ? likeness.correlate(a, b) : null;
}
