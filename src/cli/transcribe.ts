// `ringback transcribe FILE_OR_URL`: one file to words on the terminal; no server, no database.
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { CHANNEL_MODES, type ChannelMode, SUBTITLE_FORMATS } from '../job-options.ts';
import { parseNetworks } from '../outbound/address.ts';
import { Outbound } from '../outbound/request.ts';
import type { Settings } from '../settings.ts';
import { findFfmpeg } from '../speech/ffmpeg.ts';
import { createSpeechPool, type Progress } from '../speech/pool.ts';
import type { Transcript } from '../speech/transcript.ts';
import { captionsOf } from '../text/captions.ts';
import { renderText } from '../text/lines.ts';
import { renderSrt, renderVtt } from '../text/subtitles.ts';
import { fetchAudio } from '../transcribe/fetch.ts';
import { renderResult } from '../transcribe/result.ts';
import type { Hearing } from '../transcribe/run.ts';
import { MINIMUM_RATE } from '../transcribe/slow-host.ts';
import { warningsOf } from '../transcribe/warnings.ts';
import { formatBytes } from '../units.ts';
import { readVersion } from '../version.ts';
import { addSettingFlags, settingsOf } from './options.ts';

const FORMATS = ['text', 'json', ...SUBTITLE_FORMATS] as const;
type Format = (typeof FORMATS)[number];

type Flags = { format: Format; audioTrack?: number; channels?: ChannelMode };

export function transcribeCommand(): Command {
  const command = new Command('transcribe')
    .description('transcribe one file or URL and print the words')
    .argument('<file-or-url>', 'a media file, an http(s) URL of one, or - for standard input')
    .addOption(new Option('--format <name>', 'how to print them').choices(FORMATS).default('text'))
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
  return command.action(async (source: string, { format, audioTrack, channels }: Flags) => {
    const startedAt = performance.now();
    const how = { track: audioTrack ?? null, channels: channels ?? null };
    const transcript = await transcribe(source, how, settingsOf(command));
    for (const warning of warningsOf(transcript)) process.stderr.write(`${warning}\n`);
    process.stdout.write(await render(transcript, format, startedAt));
  });
}

function trackOf(given: string): number {
  const track = Number(given);
  if (!Number.isInteger(track) || track < 1)
    throw new InvalidArgumentError('give a number from 1 on: 1 is the first audio track.');
  return track;
}

async function render(transcript: Transcript, format: Format, startedAt: number): Promise<string> {
  switch (format) {
    case 'text':
      return renderText(transcript);
    case 'srt':
      return renderSrt(await captionsOf(transcript.utterances));
    case 'vtt':
      return renderVtt(await captionsOf(transcript.utterances));
    case 'json': {
      const transcriptionTime = (performance.now() - startedAt) / 1_000;
      const result = await renderResult({}, { transcript, envelopes: {}, transcriptionTime });
      return `${JSON.stringify(JSON.parse(result.toString()), null, 2)}\n`;
    }
    default:
      return format satisfies never;
  }
}

async function transcribe(source: string, how: Hearing, settings: Settings): Promise<Transcript> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-transcribe-'));
  const stopping = new AbortController();
  const interrupt = () => stopping.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const pool = createSpeechPool({
    size: 1,
    model: settings.model,
    cacheDirectory: join(settings.dataDirectory, 'models'),
    scratchDirectory: folder,
    ffmpeg: (await findFfmpeg()).path,
    maxDurationSeconds: settings.maxAudioSeconds,
  });
  try {
    const path = await locate(source, folder, settings, stopping.signal);
    const bar = progressBar();
    const { signal } = stopping;
    const transcript = await pool.transcribe({ path, ...how, signal, onProgress: bar.show });
    bar.clear();
    return transcript;
  } finally {
    await pool.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function locate(
  source: string,
  folder: string,
  settings: Settings,
  signal: AbortSignal,
): Promise<string> {
  if (source === '-') {
    const path = join(folder, 'input');
    await keepInput(path, settings.maxAudioBytes, signal);
    return path;
  }
  if (!/^https?:\/\//i.test(source)) {
    const path = resolve(source);
    const found = await stat(path).catch(() => null);
    if (!found?.isFile())
      throw Object.assign(new Error(`${source} is not a file: give a media file or an http(s) URL`), {
        code: 'file_unknown',
      });
    return path;
  }
  const path = join(folder, 'download');
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

const WIDTH = 30;

/** On a terminal only: piped output stays clean either way, since the bar goes to stderr. */
function progressBar(): { show: (progress: Progress) => void; clear: () => void } {
  if (!process.stderr.isTTY) return { show: () => {}, clear: () => {} };
  return {
    show({ phase, fraction }) {
      const filled = Math.round((fraction ?? 0) * WIDTH);
      const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
      process.stderr.write(`\r${phase.padEnd(11)} [${bar}] ${Math.round((fraction ?? 0) * 100)} % `);
    },
    clear: () => process.stderr.write(`\r${' '.repeat(WIDTH + 25)}\r`),
  };
}
