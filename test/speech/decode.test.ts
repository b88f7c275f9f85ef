// Decoding of good and bad files, each in both ways: with ffmpeg, and without it in WebAssembly.

import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Decoded, type DecodeOptions, decode } from '../../src/speech/decode.ts';
import { findFfmpeg } from '../../src/speech/ffmpeg.ts';
import type { PcmFile } from '../../src/speech/transcript.ts';

const fixture = (name: string) => new URL(`../fixtures/formats/${name}`, import.meta.url).pathname;
const jfk = new URL('../fixtures/jfk.wav', import.meta.url).pathname;
const { path: ffmpeg } = await findFfmpeg();

const ways = [
  { way: 'wasm', ffmpeg: null, missing: false },
  { way: 'ffmpeg', ffmpeg, missing: ffmpeg === null },
] as const;
const title = (one: (typeof ways)[number]) =>
  one.missing ? 'with ffmpeg (SKIPPED: no ffmpeg on the PATH)' : `with ${one.way}`;

const formats = [
  'wav-pcm16.wav',
  'wav-mulaw-8k.wav',
  'clip.mp3',
  'clip.mp2',
  'clip.m4a',
  'clip.mp4',
  'clip.mov',
  'clip.mkv',
  'clip.mka',
  'clip.webm',
  'clip.ogg',
  'clip.opus',
  'clip.flac',
  'clip.aiff',
  'clip.caf',
  'clip.avi',
  'clip.wma',
  'clip.ac3',
  'clip.ts',
];

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'ringback-decode-'));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

function run(path: string, way: string | null, more: Partial<DecodeOptions> = {}): Promise<Decoded> {
  return decode({
    path,
    scratchDirectory: scratch,
    ffmpeg: way,
    maxDurationSeconds: 3600,
    timeoutMs: 50_000,
    ...more,
  });
}

/** Puts `bytes` where the decoder can find them, outside the scratch folder. */
async function file(bytes: Uint8Array | string, name = 'upload'): Promise<string> {
  const path = join(await mkdtemp(join(scratch, 'in-')), name);
  await writeFile(path, bytes);
  return path;
}

for (const one of ways) {
  describe.skipIf(one.missing)(title(one), () => {
    for (const name of formats.filter((name) => name !== 'clip.ts' || one.way === 'ffmpeg')) {
      it(`decodes ${name} to the reference`, async () => {
        const decoded = await run(fixture(name), one.ffmpeg);
        expect(decoded).toMatchObject({ decoder: one.way, channels: 1 });
        expect(decoded.durationSeconds).toBeGreaterThan(10.9);
        expect(decoded.durationSeconds).toBeLessThan(11.1);
        const [only, ...others] = decoded.distinct;
        expect(others).toEqual([]);
        expect(only?.channel).toBe(0);
        const { correlation, lagSeconds } = await compare(only?.pcm);
        // Lossless is 0.999 and better; 8 kHz and 32 kbit/s lose what lies above and between.
        expect(correlation).toBeGreaterThan(0.95);
        expect(Math.abs(lagSeconds)).toBeLessThan(0.06);
      });
    }

    it('steps over an ID3 tag full of sync words', async () => {
      const tag = Buffer.alloc(10 + 5000, 0xff);
      tag.write('ID3\u0004\u0000\u0000', 0, 'latin1');
      tag.set([0, 0, 39, 8], 6);
      const path = await file(Buffer.concat([tag, await readFile(fixture('clip.mp3'))]));
      const decoded = await run(path, one.ffmpeg);
      expect((await compare(decoded.distinct[0]?.pcm)).correlation).toBeGreaterThan(0.95);
    });

    describe('channels', () => {
      it('counts a voice on two channels of a lossy file once', async () => {
        const decoded = await run(fixture('stereo-same.m4a'), one.ffmpeg);
        expect(decoded.channels).toBe(2);
        expect(decoded.distinct.map((d) => d.channel)).toEqual([0]);
        expect(await readdir(scratch)).toEqual(['channel-0.pcm']);
      });

      it('keeps two different channels of an mp3 apart, each with its number and sound', async () => {
        const decoded = await run(fixture('stereo-different.mp3'), one.ffmpeg);
        expect(decoded.channels).toBe(2);
        expect(decoded.distinct.map((d) => d.channel)).toEqual([0, 1]);
        const [left, right] = decoded.distinct;
        expect((await compare(left?.pcm)).correlation).toBeGreaterThan(0.9);
        const late = await compare(right?.pcm, 3);
        expect(late.correlation).toBeGreaterThan(0.9);
        expect(Math.abs(late.lagSeconds)).toBeLessThan(0.06);
      });

      it('keeps 0, 2 and 3 of four channels when 1 repeats 0', async () => {
        const voice = await reference();
        const path = await file(
          wav([voice, voice, voice.map((x) => x >> 2), new Int16Array(voice.length)], 16_000),
        );
        const decoded = await run(path, one.ffmpeg);
        expect(decoded.channels).toBe(4);
        expect(decoded.distinct.map((d) => d.channel)).toEqual([0, 2, 3]);
      });

      it('does not lose one short word on one channel of an otherwise equal recording', async () => {
        const voice = await reference();
        const other = voice.slice();
        for (let i = 80_000; i < 84_000; i++) other[i] = 3000 * Math.sin(i / 5);
        const decoded = await run(await file(wav([voice, other], 16_000)), one.ffmpeg);
        expect(decoded.distinct.map((d) => d.channel)).toEqual([0, 1]);
      });

      it('counts silence on both channels once, faint noise included', async () => {
        const noise = () => Int16Array.from({ length: 32_000 }, (_, i) => ((i * 7919) % 5) - 2);
        const decoded = await run(await file(wav([new Int16Array(32_000), noise()], 16_000)), one.ffmpeg);
        expect(decoded.channels).toBe(2);
        expect(decoded.distinct.map((d) => d.channel)).toEqual([0]);
      });
    });

    describe('refuses, with a reason', () => {
      const refuses = async (path: string, code: string, sentence: RegExp, more = {}) => {
        const error = await run(path, one.ffmpeg, more).then(
          () => null,
          (error) => error,
        );
        expect(error).toMatchObject({ name: 'JobError', code });
        expect(error.message).toMatch(sentence);
        // Nothing about the inside of the server.
        expect(error.message).not.toMatch(/\/|0x|stream #|undefined/);
      };

      it('an empty file', async () => refuses(await file(''), 'audio_empty', /0 bytes/));

      it('an HTML page', async () => {
        const page = '\ufeff\n<!DOCTYPE html><html><head><title>404</title></head><body>gone</body></html>';
        await refuses(await file(page, 'talk.mp3'), 'audio_unsupported', /looks like an HTML page/);
      });

      it('JSON, text, a PDF, an image', async () => {
        await refuses(await file('{"error":"expired"}'), 'audio_unsupported', /a JSON document/);
        await refuses(await file('404 not found\n'), 'audio_unsupported', /a text document/);
        await refuses(await file('%PDF-1.7\n\u0000\u0001'), 'audio_unsupported', /a PDF/);
        await refuses(
          await file(Buffer.from('89504e470d0a1a0a0000000d', 'hex')),
          'audio_unsupported',
          /image/,
        );
      });

      it('random bytes', async () => {
        const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i * 2654435761) >>> 13);
        await refuses(await file(bytes), 'audio_unsupported', /not in a known/);
      });

      it('playlists that name other files', async () => {
        const names = [
          '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n',
          `ffconcat version 1.0\nfile '${jfk}'\n`,
          `[playlist]\nFile1=${jfk}\n`,
        ];
        for (const name of names) await refuses(await file(name), 'audio_unsupported', /a playlist/);
      });

      it.each(formats.filter((name) => !['clip.mp2', 'clip.ac3', 'clip.ts'].includes(name)))(
        '%s when its second half is missing',
        async (name) => {
          const bytes = await readFile(fixture(name));
          const half = await file(bytes.subarray(0, bytes.length >> 1));
          await refuses(half, 'audio_corrupt', /cut short/);
        },
      );

      it('an mp4 whose middle was overwritten', async () => {
        const bytes = await readFile(fixture('clip.mp4'));
        bytes.fill(0, 20_000, 60_000);
        await refuses(await file(bytes), 'audio_corrupt', /damaged/);
      });

      it('a WAV header of nonsense', async () => {
        const bytes = await readFile(fixture('wav-pcm16.wav'));
        bytes.writeUInt16LE(0, 22);
        await refuses(await file(bytes), 'audio_corrupt', /damaged/);
      });

      it('a WAV of no samples', async () => {
        await refuses(await file(wav([new Int16Array(0)], 16_000)), 'audio_empty', /no audio/);
      });

      it('too many channels', async () => {
        const channels = Array.from({ length: 9 }, () => new Int16Array(1600));
        await refuses(await file(wav(channels, 16_000)), 'audio_unsupported', /9 channels/);
      });

      it('audio over the limit, announced or found out', async () => {
        const limit = { maxDurationSeconds: 5 };
        await refuses(fixture('clip.flac'), 'audio_too_long', /5 seconds/, limit);
        await refuses(fixture('clip.mp2'), 'audio_too_long', /5 seconds/, limit);
        await refuses(fixture('clip.webm'), 'audio_too_long', /5 seconds/, limit);
      });
    });

    it('accepts the WAV of a writer that could not seek back', async () => {
      for (const size of [0, 0xffff_ffff, 0x7fff_f000]) {
        const bytes = wav([await reference()], 16_000);
        bytes.writeUInt32LE(size, 40);
        const decoded = await run(await file(bytes), one.ffmpeg);
        expect(decoded.durationSeconds).toBeCloseTo(11, 2);
      }
    });

    it('stops at once when told to, with the reason it was given', async () => {
      const path = await file(wav([new Int16Array(16_000 * 600)], 16_000));
      const stop = new AbortController();
      const reason = new Error('enough');
      const running = run(path, one.ffmpeg, {
        signal: stop.signal,
        onProgress: () => stop.abort(reason),
      });
      await expect(running).rejects.toBe(reason);
    });

    it('stops when its time is up', async () => {
      await expect(run(fixture('clip.mp3'), one.ffmpeg, { timeoutMs: 1 })).rejects.toMatchObject({
        code: 'engine_timeout',
      });
    });

    it('does not take a file name for an option or an address', async () => {
      const folder = await mkdtemp(join(scratch, 'in-'));
      for (const name of ['-y', 'http:x', 'concat:a|b', '%03d', "it's"]) {
        await copyFile(fixture('clip.mp3'), join(folder, name));
        const decoded = await run(join(folder, name), one.ffmpeg);
        expect(decoded.durationSeconds).toBeCloseTo(11, 1);
      }
    });
  });
}

describe('without ffmpeg', () => {
  it('says how to get MPEG-TS decoded', async () => {
    await expect(run(fixture('clip.ts'), null)).rejects.toMatchObject({
      code: 'audio_unsupported',
      message: expect.stringMatching(/MPEG-TS.*Install ffmpeg/),
    });
  });
});

describe.skipIf(ffmpeg === null)(
  ffmpeg === null ? 'ffmpeg (SKIPPED: no ffmpeg on the PATH)' : 'ffmpeg',
  () => {
    it('would read a playlist if it were let: the control of the playlist test', async () => {
      const list = await file(`ffconcat version 1.0\nfile '${jfk}'\n`, 'list.ffconcat');
      const bare = spawnSync(ffmpeg ?? '', ['-v', 'error', '-safe', '0', '-i', list, '-f', 'null', '-']);
      expect(bare.status).toBe(0);
    });

    it.each([
      ['fragmented.mp4', '-c:a aac -movflags +frag_keyframe+empty_moov -frag_duration 1000000'],
      ['index-first.mp4', '-c:a aac -movflags +faststart'],
      ['alac.m4a', '-c:a alac'],
      ['flac.mka', '-c:a flac'],
      ['pcm.mkv', '-c:a pcm_s24le'],
      ['vorbis.webm', '-c:a libvorbis -ar 48000'],
      ['ogg-flac.ogg', '-c:a flac'],
      ['adts.aac', '-c:a aac'],
      ['eac3.eac3', '-c:a eac3'],
      // Tags of 360 KB: before the sound in WMA, behind it in AIFF.
      ['tagged.wma', `-c:a wmav2 -ar 44100 ${bigTags()}`],
      ['tagged.aiff', `-c:a pcm_s16be -write_id3v2 1 ${bigTags()}`],
      ['float.wav', '-c:a pcm_f32le -ar 96000'],
      ['deep.wav', '-c:a pcm_s24le -ar 11111'],
      ['ulaw.caf', '-c:a pcm_mulaw'],
      ['pcm.avi', '-c:a pcm_s16le -ar 22050'],
      ['mono-in-5.1.ac3', '-c:a ac3 -ac 6 -b:a 192k'],
    ])('and WebAssembly agree on %s', async (name, args) => {
      const path = join(scratch, name);
      const made = spawnSync(ffmpeg ?? '', ['-v', 'error', '-i', jfk, ...args.split(' '), path]);
      expect(String(made.stderr)).toBe('');
      const outcomes = [];
      for (const way of [null, ffmpeg]) {
        const decoded = await run(path, way);
        const heard = await Promise.all(decoded.distinct.map((one) => compare(one.pcm).catch(() => null)));
        expect(Math.max(...heard.map((one) => one?.correlation || 0))).toBeGreaterThan(0.95);
        expect(decoded.durationSeconds).toBeCloseTo(11, 0);
        outcomes.push({ channels: decoded.channels, distinct: decoded.distinct.map((d) => d.channel) });
        await Promise.all(decoded.distinct.map((one) => rm(one.pcm.path)));
      }
      expect(outcomes[0]).toEqual(outcomes[1]);
    });

    it('finds no sound in a silent film', async () => {
      const film = join(scratch, 'film.mp4');
      const made = spawnSync(ffmpeg ?? '', [
        ...[
          '-v',
          'error',
          '-f',
          'lavfi',
          '-i',
          'testsrc2=size=64x48:rate=5:duration=2',
          '-c:v',
          'mpeg4',
          film,
        ],
      ]);
      expect(made.status).toBe(0);
      for (const way of [null, ffmpeg]) {
        await expect(run(film, way)).rejects.toMatchObject({ code: 'audio_empty' });
      }
    });
  },
);

function bigTags(): string {
  return Array.from({ length: 12 }, (_, i) => `-metadata x${i}=${'B'.repeat(30_000)}`).join(' ');
}

async function reference(): Promise<Int16Array> {
  const bytes = await readFile(jfk);
  const data = bytes.indexOf('data', 0, 'latin1') + 8;
  return new Int16Array(new Uint8Array(bytes.subarray(data)).buffer);
}

/** 16-bit PCM WAV of channels of one length. */
function wav(channels: readonly Int16Array[], rate: number): Buffer {
  const count = channels.length;
  const frames = channels[0]?.length ?? 0;
  const bytes = Buffer.alloc(44 + frames * count * 2);
  bytes.write('RIFF    WAVEfmt ', 0, 'latin1');
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(count, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * count * 2, 28);
  bytes.writeUInt16LE(count * 2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(frames * count * 2, 40);
  const samples = new Int16Array(bytes.buffer, bytes.byteOffset + 44, frames * count);
  for (const [c, channel] of channels.entries()) {
    for (let i = 0; i < frames; i++) samples[i * count + c] = channel[i] ?? 0;
  }
  return bytes;
}

/** Correlation with the reference at the best lag within 0.1 s of `delaySeconds`. */
async function compare(pcm: PcmFile | undefined, delaySeconds = 0) {
  if (!pcm) throw new Error('no channel');
  const bytes = await readFile(pcm.path);
  expect(bytes.length).toBe(pcm.samples * 2);
  const delay = delaySeconds * 16_000;
  const mine = new Int16Array(new Uint8Array(bytes).buffer).subarray(delay);
  const wanted = await reference();
  // Speech hardly moves within four samples, so a coarse search finds the hill and a fine one its top.
  let best = peak(-1600, 1600, 4);
  best = peak(best - 4, best + 4, 1);
  function peak(from: number, to: number, step: number): number {
    let top = { lag: from, score: -Infinity };
    for (let lag = from; lag <= to; lag += step) {
      const score = correlate(wanted, mine, lag, 48_000, 64_000);
      if (score > top.score) top = { lag, score };
    }
    return top.lag;
  }
  const end = Math.min(wanted.length, mine.length) - 1600;
  return { correlation: correlate(wanted, mine, best, 1600, end), lagSeconds: best / 16_000 };
}

function correlate(a: Int16Array, b: Int16Array, lag: number, from: number, to: number): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    const x = a[i] as number;
    const y = b[i + lag] as number;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb);
}
