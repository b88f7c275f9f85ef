// Servers and keys by name, in the user's own configuration folder (XDG Base Directory Specification), readable by them alone.
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

export type Profile = { url: string; key: string };
export type Profiles = { current: string | null; profiles: Record<string, Profile> };

export function profilesFile(env: NodeJS.ProcessEnv = process.env): string {
  const { XDG_CONFIG_HOME: given } = env;
  // A relative one is to be ignored, as the specification says.
  const base = given && path.isAbsolute(given) ? given : path.join(homedir(), '.config');
  return path.join(base, 'ringback', 'profiles.json');
}

export function readProfiles(file = profilesFile()): Profiles {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { current: null, profiles: {} };
    throw error;
  }
  try {
    const { current, profiles } = JSON.parse(text) as Partial<Profiles>;
    return { current: current ?? null, profiles: { ...profiles } };
  } catch {
    throw Object.assign(
      new Error(`${file} is not the JSON it was written as: mend it, or remove it and log in again`),
      { code: 'profiles_damaged' },
    );
  }
}

/** Whole or not at all: a reader at the same moment sees the one before. */
export function writeProfiles(profiles: Profiles, file = profilesFile()): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
}

/** The one that is named, or the current one; null: there is none. Throws for a name that nobody logged in under. */
export function profileOf(name: string | undefined, { current, profiles }: Profiles): Profile | null {
  const wanted = name ?? current;
  if (wanted === null) return null;
  const found = Object.hasOwn(profiles, wanted) ? profiles[wanted] : undefined;
  if (!found && name !== undefined)
    throw Object.assign(
      new Error(
        `there is no profile ${name}: "ringback login --profile ${name} URL" makes it, "ringback profiles" lists them`,
      ),
      { code: 'profile_unknown' },
    );
  return found ?? null;
}
