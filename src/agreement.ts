// What servers on one database must agree on, and what is said to one that does not. Pure.

/** A server as the others see it. */
export type Member = {
  host: string;
  pid: number;
  roles: readonly string[];
  /** Of its signing secrets; empty where it neither signs nor shows one. */
  secretPrints: readonly string[];
};

export type Joining = {
  roles: readonly string[];
  secretPrints: readonly string[];
  /** The secret was made by us and kept in the data folder: nobody chose it. */
  secretIsGenerated: boolean;
  dataDirectory: string;
  storage: string;
  /** What the storage folder says it is; null: nothing yet. */
  storageId: string | null;
};

export type Agreed = {
  storageId: string | null;
  /** Of the signing secrets that were last in use. */
  secretPrints: readonly string[];
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
export function usesSecrets(roles: readonly string[]): boolean {
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

function secretTrouble(joining: Joining, agreed: Agreed): string | null {
  const { secretPrints: ours, secretIsGenerated } = joining;
  if (ours.length === 0) return null;
  const shares = (prints: readonly string[]) =>
    prints.length === 0 || prints.some((one) => ours.includes(one));
  const other = agreed.members.find(({ secretPrints }) => !shares(secretPrints));
  if (other)
    return `RINGBACK_SIGNING_SECRET: another server on this database (${other.roles.join(', ')}; process ${other.pid} on ${other.host}) signs with other secrets, so receivers would get signatures they cannot verify. Give all servers the same; to change over, start each with the old and the new one, comma-separated, and later each with the new one alone. (A server that was killed is forgotten after 30 s.)`;
  if (secretIsGenerated && !shares(agreed.secretPrints))
    return `RINGBACK_SIGNING_SECRET: not set, and the one made in ${joining.dataDirectory} is not the one that callbacks of this database were signed with so far. Set it to that one (it is in the file signing-secret of the former data folder), or, to go on with the new one on purpose, to the content of ${joining.dataDirectory}/signing-secret.`;
  return null;
}
