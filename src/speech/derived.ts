// Files that are made once of others and kept in the cache folder. Read in pieces: a model's are 60 MB.

import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

/** Of a file; `onChunk` sees what is read. */
export async function hashOfFile(file: string, onChunk: (chunk: Buffer) => void = () => {}): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) {
    hash.update(chunk);
    onChunk(chunk);
  }
  return hash.digest('hex');
}

/**
 * The path of the cached file `name`, made by `make` when it is missing or damaged. The file beside it holds the hash of
 * what was written, so that a file cut short is noticed. Written under another name and renamed: processes that make
 * it at the same time each leave a whole file.
 */
export async function derived(
  cacheDirectory: string,
  name: string,
  make: () => Promise<Uint8Array>,
): Promise<string> {
  const file = path.join(cacheDirectory, name);
  const seal = `${file}.sha256`;
  const expected = await readFile(seal, 'utf8').catch(ifThere);
  if (expected !== undefined && expected === (await hashOfFile(file).catch(ifThere))) return file;
  const made = await make();
  await mkdir(cacheDirectory, { recursive: true });
  await writeWhole(file, made);
  await writeWhole(seal, sha256(made));
  return file;
}

/** What cannot be read is made again; a folder that cannot be written to then says so. */
const ifThere = (): undefined => undefined;

async function writeWhole(file: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    await writeFile(temporary, content, { flush: true });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
