// What a person gave as audio: an address, or a file of this machine.
import { stat } from 'node:fs/promises';

/** A host fetches it; everything else is looked for here. */
export const isUrl = (source: string): boolean => /^https?:\/\//i.test(source);

/** Its size in bytes; throws a sentence when there is no such file. */
export async function sizeOfFile(source: string): Promise<number> {
  const found = await stat(source).catch(() => null);
  if (!found?.isFile())
    throw Object.assign(new Error(`${source} is not a file: give a media file or an http(s) URL`), {
      code: 'file_unknown',
    });
  return found.size;
}
