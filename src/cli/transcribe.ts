// `ringback transcribe FILE_OR_URL`: one file to words on the terminal; no server, no database.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { SUBTITLE_FORMATS } from '../job-options.ts';
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
import { MINIMUM_RATE } from '../transcribe/slow-host.ts';
import { readVersion } from '../version.ts';
import { addSettingFlags, settingsOf } from './options.ts';

const FORMATS = ['text', 'json', ...SUBTITLE_FORMATS] as const;
type Format = (typeof FORMATS)[number];

export function transcribeCommand(): Command {
  const command = new Command('transcribe')
    .description('transcribe one file or URL and print the words')
    .argument('<file-or-url>', 'a media file, or an http(s) URL of one')
    .addOption(new Option('--format <name>', 'how to print them').choices(FORMATS).default('text'));
  addSettingFlags(command, ['model', 'dataDirectory', 'maxAudioBytes', 'maxAudioSeconds', 'allowNetworks']);
  return command.action(async (source: string, { format }: { format: Format }) => {
    const startedAt = performance.now();
    const transcript = await transcribe(source, settingsOf(command));
    process.stdout.write(await render(transcript, format, startedAt));
  });
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

async function transcribe(source: string, settings: Settings): Promise<Transcript> {
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
    const transcript = await pool.transcribe({ path, signal: stopping.signal, onProgress: bar.show });
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
