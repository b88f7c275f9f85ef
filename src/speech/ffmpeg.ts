// Which ffmpeg there is, and whether it works: one that is on the PATH may lack a library, be made for another machine, or
// hang. So each is tried on a tenth of a second of silence before a stranger's file is.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';

export type FoundFfmpeg = {
  /** Absolute path of the first that works, or null. */
  path: string | null;
  /** Those before it on the PATH that do not, and why. */
  broken: { path: string; why: string }[];
};

/** A good one takes 0.1 s, on a busy machine a second. */
const PATIENCE_MS = 10_000;
const RATE = 8_000;

export async function findFfmpeg(
  path = process.env.PATH ?? '',
  patienceMs = PATIENCE_MS,
): Promise<FoundFfmpeg> {
  const broken: FoundFfmpeg['broken'] = [];
  for await (const file of onPath(process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg', path)) {
    const why = await whyBroken(file, patienceMs);
    if (why === null) return { path: file, broken };
    broken.push({ path: file, why });
  }
  return { path: null, broken };
}

/** Every executable of this name on the PATH, in its order. */
export async function* onPath(name: string, path: string): AsyncGenerator<string> {
  const folders = new Set(path.split(delimiter).filter((folder) => folder !== ''));
  for (const folder of folders) {
    const file = resolve(join(folder, name));
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) yield file;
  }
}

const ARGUMENTS = '-nostdin -v error -f wav -i pipe:0 -ar 16000 -c:a pcm_s16le -f matroska pipe:1'.split(' ');

/** Null for one that turns a WAV into what decode-ffmpeg.ts reads. */
function whyBroken(file: string, patienceMs: number): Promise<string | null> {
  // A group of its own: a script may have started others, which would hold its pipes open.
  const child = spawn(file, ARGUMENTS, { stdio: 'pipe', detached: true });
  let bytes = 0;
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, 300);
  });
  // It may end without reading.
  child.stdin.on('error', () => {});
  child.stdin.end(silence());
  return new Promise((done) => {
    const timer = setTimeout(() => {
      killGroup(child);
      done(`it did not answer within ${patienceMs / 1_000} s`);
    }, patienceMs);
    const end = (why: string | null) => {
      clearTimeout(timer);
      done(why);
    };
    child.once('error', (error) => end(error.message));
    child.once('close', (code, signal) => {
      if (code !== 0) end(`it ended with ${signal ?? code}: ${said.trim()}`);
      else end(bytes > RATE / 10 ? null : 'it decoded nothing');
    });
  });
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  for (const stream of child.stdio) stream?.destroy();
}

/** A tenth of a second of a WAV. */
function silence(): Buffer {
  const samples = Buffer.alloc(RATE / 5);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + samples.length, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}
