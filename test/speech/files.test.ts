// Files as people send them, in both ways of decoding: sound that starts late or pauses, several tracks, junk around the
// sound, formats whose decoders were wrong. Made here by ffmpeg or in code.

import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Decoded, decode } from '../../src/speech/decode.ts';
import { findFfmpeg } from '../../src/speech/ffmpeg.ts';
import { probe } from '../../src/speech/probe.ts';

const voiceFile = new URL('../fixtures/jfk.wav', import.meta.url).pathname;
const clip = (name: string) => new URL(`../fixtures/formats/${name}`, import.meta.url).pathname;
const { path: ffmpeg } = await findFfmpeg();
const WAYS = [
  { way: 'without ffmpeg', program: null },
  { way: 'with ffmpeg', program: ffmpeg },
].filter((one) => one.program !== null || one.way === 'without ffmpeg');

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'ringback-files-'));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

async function run(path: string, program: string | null, track: number | null = null): Promise<Decoded> {
  const scratchDirectory = await mkdtemp(join(scratch, 'decode-'));
  return decode({
    path,
    scratchDirectory,
    ffmpeg: program,
    maxDurationSeconds: 600,
    timeoutMs: 50_000,
    track,
  });
}

/** Has ffmpeg write a file. */
function made(name: string, ...args: string[]): string {
  const path = join(scratch, name);
  const { status, stderr } = spawnSync(ffmpeg ?? '', ['-v', 'error', '-y', ...args, path]);
  expect([status, String(stderr)]).toEqual([0, '']);
  return path;
}

async function file(bytes: Uint8Array): Promise<string> {
  const path = join(await mkdtemp(join(scratch, 'in-')), 'upload');
  await writeFile(path, bytes);
  return path;
}

async function samples(path: string, from = 0): Promise<Int16Array> {
  const bytes = new Uint8Array(await readFile(path)).slice(from);
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}

const voice = await samples(voiceFile, (await readFile(voiceFile)).indexOf('data', 0, 'latin1') + 8);

/** Sample by sample. */
async function isVoice({ distinct }: Decoded): Promise<boolean> {
  const heard = await samples(distinct[0]?.pcm.path ?? '');
  return heard.length === voice.length && heard.every((sample, i) => sample === voice[i]);
}

/** How alike the voice `at` seconds in is to what was decoded `at + later` seconds in, a second of it, within 80 ms. */
async function likeness({ distinct }: Decoded, at: number, later: number): Promise<number> {
  const heard = await samples(distinct[0]?.pcm.path ?? '');
  const start = at * 16_000;
  let best = 0;
  for (let lag = -1280; lag <= 1280; lag++) {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = start; i < start + 16_000; i += 3) {
      const [x, y] = [voice[i] ?? 0, heard[i + later * 16_000 + lag] ?? 0];
      ab += x * y;
      aa += x * x;
      bb += y * y;
    }
    best = Math.max(best, ab / Math.sqrt(aa * bb || 1));
  }
  return best;
}

/** Two words, one before and one behind 4.9 s, are where a player plays them. */
async function plays(decoded: Decoded, first: number, second: number, seconds: number): Promise<void> {
  expect(decoded.durationSeconds).toBeCloseTo(seconds, 0);
  expect(await likeness(decoded, 1, first)).toBeGreaterThan(0.8);
  expect(await likeness(decoded, 8, second)).toBeGreaterThan(0.8);
}

const PICTURES = '-f lavfi -i testsrc2=size=64x64:rate=25:duration=12'.split(' ');
const PAUSE = ['-af', 'asetpts=PTS+if(gte(T\\,4.9)\\,6/TB\\,0)'];
const LATE = ['-itsoffset', '4', '-i', voiceFile];

describe.each(WAYS)('$way', ({ program }) => {
  const only = program === null;
  const needsFfmpeg = { code: 'audio_unsupported', message: expect.stringMatching(/Install ffmpeg/) };

  describe.skipIf(ffmpeg === null)('keeps the clock of the file', () => {
    it.each([
      ['mkv', 'aac', true],
      ['mp4', 'aac', true],
      ['mov', 'alac', true],
      ['webm', 'libopus', true],
      ['mka', 'libvorbis', true],
      ['mka', 'flac', true],
      ['mka', 'libmp3lame', true],
      ['mka', 'pcm_s16le', true],
      ['ogg', 'libopus', false],
    ])('of %s with %s: pauses, and a late start', async (extension, codec, late) => {
      const sound = ['-c:a', codec, '-ar', codec === 'libopus' ? '48000' : '16000', '-b:a', '64k'];
      await plays(await run(made(`p.${extension}`, '-i', voiceFile, ...PAUSE, ...sound), program), 0, 6, 17);
      if (late) await plays(await run(made(`l.${extension}`, ...LATE, ...sound), program), 4, 4, 15);
    });

    it('of an MP4 in fragments, and of a film', async () => {
      const fragments = ['-movflags', '+frag_keyframe+empty_moov', '-frag_duration', '1000000'];
      const aac = ['-c:a', 'aac'];
      await plays(
        await run(made('f.mp4', '-i', voiceFile, ...PAUSE, ...aac, ...fragments), program),
        0,
        6,
        17,
      );
      await plays(await run(made('v.mkv', ...PICTURES, ...LATE, ...aac), program), 4, 4, 15);
      await plays(await run(made('v.mp4', ...PICTURES, ...LATE, ...aac), program), 4, 4, 15);
    });

    it.each([
      ['ts', 'aac'],
      ['mpg', 'mp2'],
      ['flv', 'aac'],
      ['asf', 'aac'],
      ['nut', 'aac'],
    ])('of a film in %s, or asks for ffmpeg', async (extension, codec) => {
      const path = made(`v.${extension}`, ...PICTURES, ...LATE, '-c:a', codec, '-ar', '44100');
      if (only) await expect(run(path, program)).rejects.toMatchObject(needsFfmpeg);
      else await plays(await run(path, program), 4, 4, 15);
    });

    it.each(['ogg libvorbis', 'ogg flac', 'wma wmav2'])('of %s, or asks for ffmpeg', async (kind) => {
      const [extension, codec] = kind.split(' ') as [string, string];
      const path = made(`p.${extension}`, '-i', voiceFile, ...PAUSE, '-c:a', codec, '-ar', '44100');
      if (only) await expect(run(path, program)).rejects.toMatchObject(needsFfmpeg);
      else await plays(await run(path, program), 0, 6, 17);
    });

    it('for an hour of silence before a voice, in little memory', async () => {
      const path = made('hour.mka', '-itsoffset', '3599', '-i', voiceFile, '-c:a', 'libopus');
      const scratchDirectory = await mkdtemp(join(scratch, 'decode-'));
      const limits = { maxDurationSeconds: 7200, timeoutMs: 50_000 };
      const decoded = await decode({ path, scratchDirectory, ffmpeg: program, ...limits });
      await plays(decoded, 3599, 3599, 3610);
    });

    it('but changes no sample of a file without gaps', async () => {
      for (const name of ['exact.wav', 'exact.mka', 'exact.flac', 'exact.mov', 'exact.au', 'exact.w64']) {
        const codec = name.endsWith('au') ? 'pcm_s16be' : name.endsWith('flac') ? 'flac' : 'pcm_s16le';
        const decoded = await run(made(name, '-i', voiceFile, '-c:a', codec), program);
        expect(await isVoice(decoded), name).toBe(true);
      }
    });
  });

  describe.skipIf(ffmpeg === null)('tracks', () => {
    const silent = '-f lavfi -i anullsrc=r=16000:cl=mono:d=11'.split(' ');
    const two = [...silent, '-i', voiceFile, '-map', '0:a', '-map', '1:a', '-c:a', 'aac'];

    it.each(['mkv', 'mp4'])(
      'takes the default one of %s, or the one with sound, or the one asked for',
      async (kind) => {
        const second = made(`d.${kind}`, ...two, '-disposition:a:0', '0', '-disposition:a:1', 'default');
        const first = made(`f.${kind}`, ...two, '-disposition:a:0', 'default', '-disposition:a:1', '0');
        for (const path of [second, first])
          expect(await likeness(await run(path, program), 1, 0)).toBeGreaterThan(0.9);
        expect(await likeness(await run(second, program, 2), 1, 0)).toBeGreaterThan(0.9);
        expect(await likeness(await run(second, program, 1), 1, 0)).toBeLessThan(0.1);
        await expect(run(second, program, 3)).rejects.toMatchObject({
          code: 'audio_unsupported',
          message: expect.stringMatching(/audio_track is 3, but the file has 2 audio tracks/),
        });
      },
    );

    it('of a container whose header does not tell them', async () => {
      const path = made('two.ts', ...two);
      if (only) return expect(run(path, program)).rejects.toMatchObject(needsFfmpeg);
      expect(await likeness(await run(path, program), 1, 0)).toBeGreaterThan(0.9);
      await expect(run(path, program, 4)).rejects.toMatchObject({
        message: expect.stringMatching(/has 2 audio/),
      });
    });

    it('says of a film without any that it has none', async () => {
      for (const kind of ['webm', 'mp4', 'mkv', 'mov'])
        await expect(
          run(made(`film.${kind}`, ...PICTURES, '-c:v', kind === 'webm' ? 'libvpx' : 'mpeg4'), program),
        ).rejects.toMatchObject({ code: 'audio_empty' });
    });
  });

  describe.skipIf(ffmpeg === null)('plain sound is read rightly', () => {
    const kinds = {
      caf: 'alaw mulaw s8 s16le s16be s24le s24be s32be f32le f64be'.split(' '),
      aiff: 'alaw mulaw s8 s16be s16le s24be s32be f32be f64be'.split(' '),
      wav: 'alaw mulaw u8 s16le s24le s32le f32le f64le'.split(' '),
      mov: 'alaw mulaw u8 s8 s16le s16be s24le s24be s32be f32be f64be'.split(' '),
      au: 'alaw mulaw s8 s16be s24be s32be f32be f64be'.split(' '),
      w64: 'u8 s16le s24le f32le alaw'.split(' '),
    };
    it.each(Object.entries(kinds))('%s', async (extension, encodings) => {
      for (const encoding of encodings) {
        const decoded = await run(
          made(`a.${extension}`, '-i', voiceFile, '-c:a', `pcm_${encoding}`),
          program,
        );
        const heard = await samples(decoded.distinct[0]?.pcm.path ?? '');
        const [error, sound] = heard.reduce(
          ([e, s], x, i) => [e + (x - (voice[i] ?? 0)) ** 2, s + x * x],
          [0, 0],
        );
        expect(error / sound, encoding).toBeLessThan(0.002);
        expect(heard.length, encoding).toBe(voice.length);
      }
    });

    it('IMA4 in CAF, AIFF and MOV, or ffmpeg is asked for', async () => {
      for (const extension of ['caf', 'aiff', 'mov']) {
        const path = made(`i.${extension}`, '-i', voiceFile, '-c:a', 'adpcm_ima_qt');
        if (only) await expect(run(path, program)).rejects.toMatchObject(needsFfmpeg);
        else expect(await likeness(await run(path, program), 1, 0)).toBeGreaterThan(0.9);
      }
    });

    it('RIFX and RF64', async () => {
      const rf64 = made('r.wav', '-i', voiceFile, '-rf64', 'always', '-c:a', 'pcm_s16le');
      for (const path of [rf64, await file(rifx(voice))])
        expect(await isVoice(await run(path, program))).toBe(true);
    });

    it('what only ffmpeg opens', async () => {
      const sphere = Buffer.alloc(1024, ' ');
      sphere.write(
        `NIST_1A\n   1024\nchannel_count -i 1\nsample_rate -i 16000\nsample_n_bytes -i 2\nsample_byte_format -s2 01\nsample_count -i ${voice.length}\nend_head\n`,
      );
      const paths = [
        await file(Buffer.concat([sphere, new Uint8Array(voice.buffer)])),
        made('v.voc', '-i', voiceFile, '-c:a', 'pcm_s16le'),
        made('v.sox', '-i', voiceFile, '-c:a', 'pcm_s32le'),
        made('v.tta', '-i', voiceFile),
      ];
      for (const path of paths)
        if (only) await expect(run(path, program)).rejects.toMatchObject(needsFfmpeg);
        else expect(await likeness(await run(path, program), 1, 0)).toBeGreaterThan(0.9);
    });
  });

  it('pads odd chunks of RIFF, and does without where the writer forgot it', async () => {
    const wav = await readFile(voiceFile);
    const list = (padded: boolean) => Buffer.from(`LIST\u0007\0\0\0INFOabc${padded ? '\0' : ''}`, 'latin1');
    for (const padded of [true, false]) {
      const path = await file(Buffer.concat([wav.subarray(0, 36), list(padded), wav.subarray(36)]));
      expect(probe(path).samples).toBe(voice.length);
      // ffmpeg itself knows the padded kind.
      if (only || padded) expect((await run(path, program)).durationSeconds).toBe(11);
    }
  });

  it('plays both parts of an MP3 whose rate changes', async () => {
    const bytes = await readFile(clip('clip.mp3'));
    const other = ffmpeg === null ? null : made('other.mp3', '-i', voiceFile, '-ar', '44100', '-b:a', '64k');
    if (other === null) return;
    const path = await file(Buffer.concat([bytes, await readFile(other)]));
    expect(probe(path).samples).toBeNull();
    const decoded = await run(path, program);
    expect(decoded.durationSeconds).toBeCloseTo(22, 0);
    expect(await likeness(decoded, 8, 0)).toBeGreaterThan(0.9);
    expect(await likeness(decoded, 8, 11)).toBeGreaterThan(0.9);
  });

  describe('what stands around the sound is no damage', () => {
    const tag = (size: number) => {
      const bytes = Buffer.alloc(10 + size, 0xff);
      bytes.write('ID3\u0003\u0000\u0000', 0, 'latin1');
      for (let n = 0; n < 4; n++) bytes[6 + n] = (size >> (21 - 7 * n)) & 127;
      return bytes;
    };
    const ape = Buffer.alloc(32 + 300_000, 0xfe);
    ape.write('APETAGEX', 0, 'latin1');
    ape.writeUInt32LE(300_000, 12);
    const lyrics = Buffer.from(
      `LYRICSBEGININD0000200000${'x'.repeat(500)}000524LYRICS200TAG${'t'.repeat(125)}`,
    );
    const before: [string, Buffer][] = [
      ['70,000 zero bytes', Buffer.alloc(70_000)],
      ['a million zero bytes', Buffer.alloc(1_000_000)],
      ['a tag with a cover', tag(400_000)],
      ['two tags', Buffer.concat([tag(5_000), tag(100_000)])],
      ['an APE tag', ape],
      ['zeros and a tag', Buffer.concat([Buffer.alloc(2_000), tag(90_000)])],
      ['junk', Buffer.from(Uint8Array.from({ length: 100_000 }, (_, i) => ((i * i * 40_503) >> 7) & 0x7f))],
    ];
    it.each(before)('%s before an MP3', async (_, junk) => {
      const decoded = await run(await file(Buffer.concat([junk, await readFile(clip('clip.mp3'))])), program);
      expect(decoded.durationSeconds).toBeCloseTo(11, 0);
      expect(await likeness(decoded, 8, 0)).toBeGreaterThan(0.9);
    });

    it.each(['clip.flac', 'wav-pcm16.wav', 'clip.aiff', 'clip.ogg'])('a tag before %s', async (name) => {
      const decoded = await run(
        await file(Buffer.concat([tag(70_000), await readFile(clip(name))])),
        program,
      );
      expect(decoded.durationSeconds).toBeCloseTo(11, 0);
    });

    it.each('mp3 m4a mp4 mov mkv webm ogg opus flac aiff caf avi wma'.split(' '))(
      'bytes behind a %s',
      async (kind) => {
        for (const trailer of [Buffer.from('a trailer of bytes .'), lyrics, Buffer.alloc(5_000)]) {
          const path = await file(Buffer.concat([await readFile(clip(`clip.${kind}`)), trailer]));
          const decoded = await run(path, program);
          expect(decoded.durationSeconds).toBeCloseTo(11, 0);
          expect(await likeness(decoded, 8, 0)).toBeGreaterThan(0.9);
        }
      },
    );
  });
});

function rifx(sound: Int16Array): Buffer {
  const bytes = Buffer.alloc(44 + sound.length * 2);
  bytes.write('RIFX    WAVEfmt ', 0, 'latin1');
  bytes.writeUInt32BE(bytes.length - 8, 4);
  bytes.writeUInt32BE(16, 16);
  bytes.writeUInt16BE(1, 20);
  bytes.writeUInt16BE(1, 22);
  bytes.writeUInt32BE(16_000, 24);
  bytes.writeUInt32BE(32_000, 28);
  bytes.writeUInt16BE(2, 32);
  bytes.writeUInt16BE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32BE(sound.length * 2, 40);
  for (const [i, sample] of sound.entries()) bytes.writeInt16BE(sample, 44 + i * 2);
  return bytes;
}
