// Decodes with ffmpeg: one child process per file, without a shell, without network, with one demuxer and audio decoders
// only, and with limits on time, memory and output.

import { execFile, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { ShortageError } from '../shortage.ts';
import {
  type DecodedChannels,
  type Decoder,
  type DecodeTask,
  damaged,
  decodingTimedOut,
  MAX_CHANNELS,
  MEMORY_LIMIT,
  noAudio,
  noSuchTrack,
  tooManyChannels,
  tooMuchMemory,
  unsupportedCodec,
} from './decoder.ts';
import { onPath } from './ffmpeg.ts';
import { machineIsOutOfMemory } from './memory.ts';
import { CLOCKED, FORMATS } from './sniff.ts';
import { SoundSink } from './sound-sink.ts';
import { TimedPcm } from './timed-pcm.ts';
import { SAMPLE_RATE } from './transcript.ts';

/** ffmpeg does not run here: it or a library of it is missing, or made for another machine. Says nothing of the file. */
export class FfmpegUnusable extends Error {
  constructor(options: { cause: unknown }) {
    super('ffmpeg could not be run', options);
    this.name = 'FfmpegUnusable';
  }
}

const UNUSABLE = new Set(['ENOENT', 'EACCES', 'EPERM', 'ENOEXEC', 'ELIBBAD', 'UNKNOWN']);

function isUnusable(error: Error): boolean {
  return UNUSABLE.has(String((error as NodeJS.ErrnoException).code));
}

export function decodeWithFfmpeg(ffmpeg: string): Decoder {
  return async (task) => {
    const prlimit = process.platform === 'linux' ? await firstOnPath('prlimit') : null;
    return run(ffmpeg, prlimit, task);
  };
}

async function run(ffmpeg: string, prlimit: string | null, task: DecodeTask): Promise<DecodedChannels> {
  task.signal.throwIfAborted();
  const command = [ffmpeg, ...ffmpegArguments(task)];
  if (prlimit) command.unshift(prlimit, ...limitArguments(task.timeoutMs), '--');
  const [file = ffmpeg, ...args] = command;
  const child = spawn(file, args, {
    cwd: task.directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own group: Ctrl-C is for the server to handle, which lets this job finish or stops it.
    detached: true,
    env: childEnvironment(task),
    windowsHide: true,
  });
  const ended = new Promise<{ code: number | null; signal: string | null; failure?: Error }>((done) => {
    child.once('error', (failure) => done({ code: null, signal: null, failure }));
    child.once('close', (code, signal) => done({ code, signal }));
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (complaints.length < 4096) complaints += text.slice(0, 4096);
  });

  let stopped: unknown;
  const stop = (why: unknown) => {
    stopped ??= why;
    child.kill('SIGKILL');
  };
  const onAbort = () => stop(task.signal.reason);
  task.signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => stop(decodingTimedOut(task.timeoutMs)), task.timeoutMs);

  const reader = new SoundReader(task);
  try {
    try {
      for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
        if (stopped) break;
        reader.push(chunk);
      }
    } catch (error) {
      stop(error);
    }
    const end = await ended;
    if (stopped) throw stopped;
    if (end.failure) throw isUnusable(end.failure) ? new FfmpegUnusable({ cause: end.failure }) : end.failure;
    if (end.code !== 0 && task.probe.track > 0 && NO_STREAM.test(complaints))
      throw noSuchTrack(task.probe.track + 1, await countTracks(ffmpeg, prlimit, task));
    if (end.code !== 0) throw failure(task, end, complaints);
    return reader.sink.finish(complaints);
  } finally {
    clearTimeout(timer);
    task.signal.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
    reader.sink.discard();
  }
}

/** No FFREPORT, no proxy, no secrets of the server. */
function childEnvironment({ directory }: DecodeTask): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH,
    SYSTEMROOT: process.env.SYSTEMROOT,
    HOME: directory,
    LC_ALL: 'C',
  };
}

/**
 * `-f` names the one demuxer, so nothing is probed and a file can never become a playlist; the protocol list is for what
 * a demuxer might still open. `-codec_whitelist` keeps video decoders out of stream analysis, which runs before `-vn`.
 */
function inputArguments(task: DecodeTask, verbosity: string): string[] {
  return [
    ['-nostdin', '-hide_banner', '-v', verbosity],
    ['-max_alloc', String(256 * 2 ** 20), '-threads', '1'],
    ['-protocol_whitelist', 'file,pipe', '-codec_whitelist', AUDIO_CODECS],
    // A gap of up to ten minutes is one, also where ffmpeg takes ten seconds for the start of another recording.
    ['-dts_delta_threshold', '600', ...(task.probe.clockStart === null ? [] : ['-copyts'])],
    ['-skip_initial_bytes', String(task.probe.audioStart)],
    ['-f', FORMATS[task.kind].demuxer, '-i', `file:${resolve(task.path)}`],
  ].flat();
}

function ffmpegArguments(task: DecodeTask): string[] {
  return [
    inputArguments(task, 'error'),
    ['-map', `0:a:${task.probe.track}`, '-vn', '-sn', '-dn', '-map_metadata', '-1', '-map_chapters', '-1'],
    ['-af', ONWARDS, '-ar', String(SAMPLE_RATE), '-c:a', 'pcm_s16le'],
    ['-fflags', '+bitexact', '-f', 'matroska', 'pipe:1'],
  ].flat();
}

/**
 * Time never runs back, or the encoder would drop what comes: a recording that begins anew within its file goes on from
 * where it was. Registers: 0 this piece's time, 1 where the one before ended, 2 what is added since such a beginning.
 */
const ONWARDS = `asetpts='${[
  'st(0,if(isnan(PTS),ld(1),PTS+ld(2)))',
  'if(gt(ld(1)-ld(0),0.1/TB),st(2,ld(2)+ld(1)-ld(0)))',
  'st(0,max(ld(0),ld(1)))',
  'st(1,ld(0)+S)',
  'ld(0)',
].join(';')}'`;

/** RLIMIT_DATA rather than address space: Debian's ffmpeg maps some 200 shared libraries. */
function limitArguments(timeoutMs: number): string[] {
  return [`--data=${MEMORY_LIMIT}`, `--cpu=${Math.ceil(timeoutMs / 1000) + 1}`, '--core=0', '--nofile=64'];
}

const AUDIO_CODECS = [
  'aac,aac_fixed,aac_latm,ac3,ac3_fixed,eac3,alac,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,ape,cook,dca',
  'flac,gsm,gsm_ms,libgsm,libgsm_ms,mp1,mp1float,mp2,mp2float,mp3,mp3float,mp3adu,mp3adufloat,mp3on4,mp3on4float',
  'nellymoser,opus,libopus,qdm2,qdmc,ra_144,ra_288,speex,libspeex,tak,truehd,mlp,tta,vorbis,libvorbis,wavpack',
  'wmav1,wmav2,wmapro,wmalossless,wmavoice,truespeech,g722,g723_1,g726,g726le,g729,ilbc,libilbc,xma1,xma2',
  'adpcm_g722,adpcm_g726,adpcm_g726le,adpcm_ima_qt,adpcm_ima_wav,adpcm_ima_amv,adpcm_ms,adpcm_swf,adpcm_yamaha',
  'pcm_alaw,pcm_mulaw,pcm_vidc,pcm_u8,pcm_s8,pcm_s8_planar,pcm_bluray,pcm_dvd,pcm_lxf',
  'pcm_s16le,pcm_s16be,pcm_u16le,pcm_u16be,pcm_s24le,pcm_s24be,pcm_u24le,pcm_u24be,pcm_s32le,pcm_s32be,pcm_u32le',
  'pcm_u32be,pcm_s64le,pcm_s64be,pcm_f16le,pcm_f24le,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_s16le_planar',
  'pcm_s16be_planar,pcm_s24le_planar,pcm_s32le_planar,pcm_s24daud',
].join(',');

const NO_STREAM = /matches no streams|does not contain any stream/;

/** Audio tracks as ffmpeg lists them; at least one. */
async function countTracks(ffmpeg: string, prlimit: string | null, task: DecodeTask): Promise<number> {
  const command = [ffmpeg, ...inputArguments(task, 'info')];
  if (prlimit) command.unshift(prlimit, ...limitArguments(COUNT_MS), '--');
  const [file = ffmpeg, ...args] = command;
  // It always ends with an error: no output was asked for.
  const listed = await new Promise<string>((done) => {
    const options = {
      cwd: task.directory,
      timeout: COUNT_MS,
      env: childEnvironment(task),
      signal: task.signal,
    };
    execFile(file, args, options, (_error, _out, said) => done(said));
  });
  task.signal.throwIfAborted();
  return Math.max(1, listed.match(/^ *Stream #\S+ Audio:/gm)?.length ?? 1);
}

const COUNT_MS = 10_000;

function failure(
  task: DecodeTask,
  end: { code: number | null; signal: string | null },
  complaints: string,
): Error {
  const cause = new Error(`ffmpeg ended with ${end.signal ?? end.code}: ${complaints.trim()}`);
  if (NO_STREAM.test(complaints)) return noAudio(task.kind, cause);
  if (/not on whitelist|Decoder .* not found|Unknown\/unsupported|unsupported codec/i.test(complaints)) {
    return unsupportedCodec(task.kind, cause);
  }
  // Its libraries are not there; or prlimit may not set its limits (a lower one binds us), or found nothing to run.
  if (end.code === 126 || end.code === 127 || complaints.startsWith('prlimit: '))
    return new FfmpegUnusable({ cause });
  // 255 is ffmpeg's own answer to SIGTERM and SIGINT; SIGKILL is not ours here, so it is the kernel's, short of memory.
  if (end.signal === 'SIGKILL')
    return new ShortageError('memory', 'ffmpeg was killed from outside', { cause, suspect: true });
  if (end.code === 255 || end.signal === 'SIGTERM')
    return new ShortageError('processes', 'ffmpeg was stopped from outside', { cause, suspect: true });
  if (end.signal === 'SIGXCPU') return decodingTimedOut(task.timeoutMs);
  // The words of the C library (LC_ALL=C): ffmpeg 5 ends with 1 for every errno. Its own limit is 64 descriptors, of
  // which it uses 5, so it is the whole machine that has none left.
  if (/Too many open files/.test(complaints))
    return new ShortageError('descriptors', 'ffmpeg could not open the file', { cause });
  if (/Cannot allocate memory/.test(complaints))
    return machineIsOutOfMemory()
      ? new ShortageError('memory', 'ffmpeg found no memory', { cause, suspect: true })
      : tooMuchMemory(cause);
  return damaged(task.kind, cause);
}

/** Puts what ffmpeg writes where its time says. Throws JobError for a limit. */
class SoundReader {
  readonly sink: SoundSink;
  readonly #pcm = new TimedPcm();
  readonly #clockStart: number;
  readonly #clocked: boolean;

  constructor({ directory, maxDurationSeconds, onProgress, probe, kind }: DecodeTask) {
    this.#clocked = CLOCKED.has(kind);
    this.sink = new SoundSink({ directory, maxDurationSeconds, onProgress });
    this.#clockStart = (probe.clockStart ?? 0) - probe.late;
  }

  push(chunk: Buffer): void {
    for (const { at, bytes } of this.#pcm.push(chunk)) {
      const { channels } = this.#pcm;
      if (channels > MAX_CHANNELS) throw tooManyChannels(channels);
      if (this.#clocked) this.sink.align(at - this.#clockStart);
      this.sink.write(deinterleave(bytes, channels));
    }
  }
}

function deinterleave(bytes: Buffer, channels: number): Int16Array[] {
  // A copy where the bytes do not start on an even address.
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  const samples = new Int16Array(aligned.buffer, aligned.byteOffset, bytes.length / 2);
  if (channels === 1) return [samples];
  const frames = samples.length / channels;
  return Array.from({ length: channels }, (_, channel) => {
    const out = new Int16Array(frames);
    for (let i = 0, from = channel; i < frames; i++, from += channels) out[i] = samples[from] as number;
    return out;
  });
}

async function firstOnPath(name: string): Promise<string | null> {
  for await (const file of onPath(name, process.env.PATH ?? '')) return file;
  return null;
}
