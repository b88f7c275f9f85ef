// `ringback submit FILE|URL`: audio to a running server, and, if asked for, its words or everything that happens to it.
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CallbackWithAttempts, Client, Job, JobRequest } from '../client/client.ts';
import { DELIVERY_FORMS, type DeliveryForm, METHODS, type Method } from '../delivery.ts';
import { isUrl, sizeOfFile } from './media-file.ts';
import { openInbox } from './open-inbox.ts';
import { pair } from './pair.ts';
import { progressBar } from './progress.ts';
import { RESULT_FORMATS, type ResultFormat, renderJob } from './result-text.ts';
import { addServerFlags, clientOf, type ServerFlags } from './server-options.ts';
import { clock, printable, printableJson, tint, tintStatus } from './terminal.ts';

type Flags = ServerFlags & {
  callback?: string;
  inbox?: string;
  method?: Method;
  payload?: DeliveryForm;
  metadata?: Record<string, string>;
  with?: Record<string, unknown>;
  name?: string;
  wait?: true;
  follow?: true;
  format: ResultFormat;
};

const LOOK_MS = 500;

export function submitCommand(): Command {
  const command = new Command('submit')
    .description('send audio to a running server, and print its id; with --wait its words')
    .argument(
      '<file-or-url>',
      'a media file, an http(s) URL that the server fetches, or - for standard input',
    )
    .option('--callback <url>', 'who is called when it has ended')
    .addOption(
      new Option('--inbox <name>', 'call this inbox of the server, made if it is not there').conflicts(
        'callback',
      ),
    )
    .addOption(new Option('--method <name>', 'of the callback').choices([...METHODS]))
    .addOption(
      new Option('--payload <form>', 'of the callback: with its words, or without').choices([
        ...DELIVERY_FORMS,
      ]),
    )
    .option('--metadata <key=value...>', 'custom_metadata, shown in the record and the callback', pair)
    .option(
      '--with <json>',
      'further fields of POST /v2/pre-recorded, such as \'{"subtitles": true}\'',
      object,
    )
    .option('--name <file>', "what to call it, instead of the file's own name")
    .option('--wait', 'until it has ended, and print its words')
    .option('--follow', 'print everything that happens to it and to its callback, until both have ended')
    .addOption(new Option('--format <name>', 'of the words').choices([...RESULT_FORMATS]).default('text'));
  return addServerFlags(command).action(submit);
}

function object(given: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(given);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('write a JSON object');
}

async function submit(source: string, flags: Flags): Promise<void> {
  const client = clientOf(flags);
  const url =
    flags.callback ?? (flags.inbox === undefined ? null : (await openInbox(client, flags.inbox)).address);
  const request = {
    audio_url: await audioUrl(client, source, flags.name),
    ...(url !== null && {
      callback: true,
      callback_config: {
        url,
        ...(flags.method && { method: flags.method }),
        ...(flags.payload && { payload: flags.payload }),
      },
    }),
    ...(flags.metadata && { custom_metadata: flags.metadata }),
    ...flags.with,
  } as JobRequest;
  const created = await client.transcriptions.create(request);
  if (!flags.wait && !flags.follow) {
    write(flags.json ? printableJson(created, 2) : created.id);
    return;
  }
  say(`${tint('bold', created.id)}  accepted`);
  const job = await ended(client, created.id, flags);
  if (flags.follow && url !== null) await followCallbacks(client, created.id);
  if (job.status === 'error')
    throw Object.assign(new Error(`transcription ${job.id} failed: ${printable(job.error_message ?? '')}`), {
      code: job.error_reason ?? 'transcription_failed',
    });
  write(flags.json ? printableJson(job, 2) : await renderJob(job, flags.format));
}

const write = (text: string) => process.stdout.write(`${text.replace(/\n$/, '')}\n`);
const say = (line: string) => process.stderr.write(`${tint('dim', clock(new Date()))}  ${line}\n`);

async function audioUrl(client: Client, source: string, name: string | undefined): Promise<string> {
  if (isUrl(source)) return source;
  if (source === '-') {
    const { audio_url } = await client.audio.upload(process.stdin, { filename: name ?? 'audio' });
    return audio_url;
  }
  const size = await sizeOfFile(source);
  const bar = progressBar();
  async function* counted() {
    let sent = 0;
    for await (const chunk of createReadStream(source)) {
      yield chunk as Uint8Array;
      sent += (chunk as Uint8Array).length;
      bar.show({ phase: 'uploading', fraction: sent / Math.max(1, size) });
    }
  }
  try {
    const { audio_url } = await client.audio.upload(counted(), { filename: name ?? basename(source) });
    return audio_url;
  } finally {
    bar.clear();
  }
}

function ended(client: Client, id: string, { follow }: Flags): Promise<Job> {
  let before = 'queued';
  return client.transcriptions.wait(id, {
    intervalMs: LOOK_MS,
    onLook: ({ status }) => {
      if (status === before) return;
      before = status;
      if (follow) say(`${tint('bold', id)}  ${status}`);
    },
  });
}

/** Every attempt once, until all are over. */
async function followCallbacks(client: Client, id: string): Promise<void> {
  const seen = new Set<string>();
  for (;;) {
    const callbacks = await client.transcriptions.callbacks(id);
    for (const callback of callbacks) tellNew(callback, seen);
    if (callbacks.every(({ state }) => state !== 'pending' && state !== 'delivering')) return;
    await sleep(LOOK_MS);
  }
}

function tellNew(
  { id, url, state, attempts, next_attempt_at, reason }: CallbackWithAttempts,
  seen: Set<string>,
): void {
  for (const { number, status, duration_ms, error } of attempts) {
    if (seen.has(`${id} ${number}`)) continue;
    seen.add(`${id} ${number}`);
    const answer =
      status === null ? tint('red', printable(error?.message ?? 'no answer')) : tintStatus(status);
    const next = state === 'pending' && next_attempt_at !== null ? `, next at ${next_attempt_at}` : '';
    say(
      `callback to ${printable(url)}: attempt ${number}, ${answer} after ${Math.round(duration_ms ?? 0)} ms${next}`,
    );
  }
  const over = `${id} ${state}`;
  if (state === 'pending' || state === 'delivering' || seen.has(over)) return;
  seen.add(over);
  say(
    `callback to ${printable(url)}: ${tint(state === 'delivered' ? 'green' : 'red', state)}${reason === null ? '' : `, ${printable(reason)}`}`,
  );
}
