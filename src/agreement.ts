// What servers on one database must agree on, and what is said to one that does not. Pure.

/** A server as the others see it. */
export type Member = {
  host: string;
  pid: number;
  roles: readonly string[];
  /** Of the signing secrets in its settings; empty: it has none there, and accounts sign with their own. */
  secretPrints: readonly string[];
};

export type Joining = {
  roles: readonly string[];
  secretPrints: readonly string[];
  storage: string;
  /** What the storage folder says it is; null: nothing yet. */
  storageId: string | null;
};

export type Agreed = {
  storageId: string | null;
  /** Servers that live. */
  members: readonly Member[];
};

/** Refused at the start: each sentence names the setting and the cure. */
export class DisagreementError extends Error {
  readonly code = 'settings_invalid';
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'DisagreementError';
  }
}

/** Reads or writes audio. */
export function usesStorage(roles: readonly string[]): boolean {
  return roles.includes('api') || roles.includes('transcribe');
}

/** Signs callbacks, or shows what they are signed with. */
function usesSecrets(roles: readonly string[]): boolean {
  return roles.includes('api') || roles.includes('deliver');
}

export function disagreements(joining: Joining, agreed: Agreed): string[] {
  return [storageTrouble(joining, agreed), secretTrouble(joining, agreed)].filter((one) => one !== null);
}

function storageTrouble({ roles, storage, storageId }: Joining, agreed: Agreed): string | null {
  if (!usesStorage(roles) || agreed.storageId === null || storageId === agreed.storageId) return null;
  const found = storageId === null ? 'has no file storage-id' : `says ${storageId} in its file storage-id`;
  return `RINGBACK_STORAGE: ${storage} is not the folder that holds the audio of this database: it ${found}, and the database knows ${agreed.storageId}. Name the folder that all its servers share (is it mounted?). If the audio was moved without that file, or is lost, write ${agreed.storageId} into ${storage}/storage-id and start again.`;
}

function secretTrouble({ roles, secretPrints: ours }: Joining, { members }: Agreed): string | null {
  if (!usesSecrets(roles)) return null;
  const agrees = (prints: readonly string[]) =>
    prints.length === 0 ? ours.length === 0 : prints.some((one) => ours.includes(one));
  const other = members.find((member) => usesSecrets(member.roles) && !agrees(member.secretPrints));
  if (!other) return null;
  const they = other.secretPrints.length === 0 ? 'has none set' : 'signs with other secrets';
  return `RINGBACK_SIGNING_SECRET: another server on this database (${other.roles.join(', ')}; process ${other.pid} on ${other.host}) ${they}, so receivers would get signatures they cannot verify. Give all servers the same; to change over, start each with the old and the new one, comma-separated, and later each with the new one alone. (A server that was killed is forgotten after 30 s.)`;
}
