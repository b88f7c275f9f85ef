// The signing secret that is made at the first start and kept in the data folder, for its owner's eyes only.
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSecret } from '../signature.ts';
import { decodeSecret } from '../signing-key.ts';

const FILE = 'signing-secret';

/** The configured secrets, or the generated one. Two first starts at once end with the same secret. */
export async function signingSecrets(
  dataDirectory: string,
  configured: readonly string[],
): Promise<readonly string[]> {
  if (configured.length > 0) return configured;
  const path = join(dataDirectory, FILE);
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${generateSecret()}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const secret = (await readFile(path, 'utf8')).trim();
  try {
    decodeSecret(secret);
  } catch (cause) {
    throw new Error(
      `${path} holds no signing secret: put whsec_… in it, or remove the file to have a new one made`,
      { cause },
    );
  }
  return [secret];
}
