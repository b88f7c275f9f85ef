// The signing secret that earlier versions made at their first start, for all accounts, and kept in the data folder.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeSecret } from '../signing-key.ts';

const FILE = 'signing-secret';

/** Null when there is none. */
export async function earlierSecret(dataDirectory: string): Promise<string | null> {
  const path = join(dataDirectory, FILE);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const secret = text.trim();
  try {
    decodeSecret(secret);
  } catch (cause) {
    throw new Error(
      `${path} holds no signing secret: put the whsec_… in it that signed so far, or remove the file to have one made for each account`,
      { cause },
    );
  }
  return secret;
}
