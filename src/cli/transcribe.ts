// `ringback transcribe FILE_OR_URL…`: files to words on the terminal; no server, no database.
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { CHANNEL_MODES, type ChannelMode } from '../job-options.ts';
import { parseNetworks } from '../outbound/address.ts';
import { Outbound } from '../outbound/request.ts';
import type { Settings } from '../settings.ts';
import { findFfmpeg } from '../speech/ffmpeg.ts';
import { createSpeechPool } from '../speech/pool.ts';
import type { Transcript } from '../speech/transcript.ts';
import { renderText } from '../text/lines.ts';
import { fetchAudio } from '../transcribe/fetch.ts';
import { renderResult } from '../transcribe/result.ts';
import { MINIMUM_RATE } from '../transcribe/slow-host.ts';
import { warningsOf } from '../transcribe/warnings.ts';
import { formatBytes } from '../units.ts';
import { readVersion } from '../version.ts';
import { interrupted } from './ended.ts';
import { sentenceOf } from './failure.ts';
import { isUrl, sizeOfFile } from './media-file.ts';
import { positive } from './numbers.ts';
import { addSettingFlags, settingsOf } from './options.ts';
import { progressBar } from './progress.ts';
import { ENDINGS, RESULT_FORMATS, type ResultFormat, renderSubtitles } from './result-text.ts';
import { printable } from './terminal.ts';
import { writeWhole } from './whole-file.ts';

type Flags = {
  format: ResultFormat;
  audioTrack?: number;
  channels?: ChannelMode;
  jobs: number;
  to?: string;
};

export function transcribeCommand(): Command {
  const command = new Command('transcribe')
    .description('transcribe files or URLs and print the words; no server')
    .argument('<files-or-urls...>', 'media files, http(s) URLs of some, or - for standard input')
    .addOption(
      new Option('--format <name>', 'how to print them').choices([...RESULT_FORMATS]).default('text'),
    )
    .option('--to <folder>', 'a file each instead, made if it is not there')
    .option('--jobs <N>', 'so many at a time; each takes a core and some 600 MB', positive, 1)
    .addOption(
      new Option('--audio-track <number>', 'of a file with several: 1 is the first').argParser(trackOf),
    )
    .addOption(
      new Option(
        '--channels <mode>',
        'mixed down to one, or each by itself; without it, one voice on several channels is told once',
      ).choices(CHANNEL_MODES),
    );
  addSettingFlags(command, ['model', 'dataDirectory', 'maxAudioBytes', 'maxAudioSeconds', 'allowNetworks']);
  return command.action(async (sources: string[], flags: Flags) => {
    if (sources.length > 1 && flags.to === undefined && isSubtitles(flags.format))
      command.error('error: subtitles of several files need --to FOLDER, a file each');
    if (flags.to !== undefined) {
      const twice = writtenTwice(sources);
      if (twice !== null)
        command.error(
          `error: ${printable(twice.join(' and '))} would be the same file in --to: do them apart`,
        );
      await mkdir(flags.to, { recursive: true });
    }
    const failed = await transcribeAll(sources, flags, settingsOf(command));
    if (failed > 0) process.exitCode = 1;
  });
}

const isSubtitles = (format: ResultFormat) => format !== 'text' && format !== 'json';

function trackOf(given: string): number {
  const track = Number(given);
  if (!Number.isInteger(track) || track < 1)
    throw new InvalidArgumentError('give a number from 1 on: 1 is the first audio track.');
  return track;
}

async function render(transcript: Transcript, format: ResultFormat, startedAt: number): Promise<string> {
  switch (format) {
    case 'text':
      return renderText(transcript);
    case 'srt':
    case 'vtt':
      return renderSubtitles(transcript.utterances, format);
    case 'json': {
      const transcriptionTime = (performance.now() - startedAt) / 1_000;
      const result = await renderResult({}, { transcript, envelopes: {}, transcriptionTime });
      return `${JSON.stringify(JSON.parse(result.toString()), null, 2)}\n`;
    }
    default:
      return format satisfies never;
  }
}

/** Each in its turn, some at a time; one that fails stops none of the others. Resolves with how many failed. */
async function transcribeAll(sources: readonly string[], flags: Flags, settings: Settings): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-transcribe-'));
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => stopping.abort(interrupted(signal)));
  const pool = createSpeechPool({
    size: Math.min(flags.jobs, sources.length),
    model: settings.model,
    cacheDirectory: join(settings.dataDirectory, 'models'),
    scratchDirectory: folder,
    ffmpeg: (await findFfmpeg()).path,
    maxDurationSeconds: settings.maxAudioSeconds,
  });
  const bar = progressBar();
  const how = { track: flags.audioTrack ?? null, channels: flags.channels ?? null };
  let failed = 0;
  async function one(source: string, index: number): Promise<void> {
    const startedAt = performance.now();
    const { signal } = stopping;
    const path = await locate(source, join(folder, String(index)), settings, signal);
    const transcript = await pool.transcribe({
      path,
      ...how,
      signal,
      onProgress: ({ phase, fraction }) =>
        bar.show({
          phase: sources.length > 1 ? `${index + 1} of ${sources.length}` : phase,
          fraction,
        }),
    });
    bar.clear();
    for (const warning of warningsOf(transcript))
      process.stderr.write(`${sources.length > 1 ? `${printable(source)}: ` : ''}${warning}\n`);
    await put(source, await render(transcript, flags.format, startedAt), flags, sources.length > 1);
  }
  try {
    const waiting = [...sources.entries()];
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        try {
          await one(next[1], next[0]);
        } catch (error) {
          bar.clear();
          if (stopping.signal.aborted) throw stopping.signal.reason;
          if (sources.length === 1) throw error;
          failed++;
          process.stderr.write(`ringback: ${printable(next[1])}: ${sentenceOf(error)}\n`);
        }
    };
    await Promise.all(Array.from({ length: Math.min(flags.jobs, sources.length) }, work));
    return failed;
  } finally {
    await pool.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function nameOf(source: string): string {
  if (source === '-') return 'stdin';
  return basename(isUrl(source) ? new URL(source).pathname : source) || 'audio';
}

/** The first two whose words would go to one file, also where letter case tells no files apart; null: none. */
function writtenTwice(sources: readonly string[]): [string, string] | null {
  const seen = new Map<string, string>();
  for (const source of sources) {
    const name = nameOf(source).toLowerCase();
    const before = seen.get(name);
    if (before !== undefined) return [before, source];
    seen.set(name, source);
  }
  return null;
}

/** To its file; or to standard output, where several are told apart as `head` does it, or are JSON lines. */
async function put(source: string, words: string, { format, to }: Flags, several: boolean): Promise<void> {
  if (to !== undefined) {
    await writeWhole(join(to, `${nameOf(source)}.${ENDINGS[format]}`), words);
  } else if (!several) process.stdout.write(words);
  else if (format === 'json')
    process.stdout.write(`${JSON.stringify({ file: source, result: JSON.parse(words) })}\n`);
  else process.stdout.write(`==> ${printable(source)} <==\n${words}\n`);
}

/** Where it is; what is no file of this machine comes to `path`. */
async function locate(
  source: string,
  path: string,
  settings: Settings,
  signal: AbortSignal,
): Promise<string> {
  if (source === '-') {
    await keepInput(path, settings.maxAudioBytes, signal);
    return path;
  }
  if (!isUrl(source)) {
    await sizeOfFile(source);
    return resolve(source);
  }
  const outbound = new Outbound({ policy: { allow: parseNetworks(settings.allowNetworks), own: [] } });
  try {
    await fetchAudio({
      outbound,
      url: source,
      path,
      maxBytes: settings.maxAudioBytes,
      totalMs: 3_600_000,
      idleMs: 30_000,
      minimumRate: MINIMUM_RATE,
      version: readVersion(),
      signal,
    });
  } finally {
    outbound.close();
  }
  return path;
}

/** Standard input to a file: decoders go back and forth. */
async function keepInput(path: string, maxBytes: number, signal: AbortSignal): Promise<void> {
  let bytes = 0;
  const limited = async function* (input: AsyncIterable<Buffer>) {
    for await (const piece of input) {
      bytes += piece.length;
      if (bytes > maxBytes)
        throw new Error(
          `standard input has more than ${formatBytes(maxBytes)}: raise RINGBACK_MAX_AUDIO_BYTES, or send less`,
        );
      yield piece;
    }
  };
  await pipeline(process.stdin, limited, createWriteStream(path, { mode: 0o600 }), { signal });
}
