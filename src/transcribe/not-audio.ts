// What came instead of audio, told from the bytes and never from a content type: hosts send audio as `text/html` and pages as
// `audio/mpeg`. Says what helps, by the host where its share links are known to lead to a page. Pure but for one look into
// the file.
import { open } from 'node:fs/promises';
import { JobError } from '../errors.ts';
import { sniff } from '../speech/sniff.ts';

export type CameFrom = {
  /** As the caller gave it. */
  given: string;
  /** After redirects. */
  url: string;
  /** Codings of the answer that are not known here. */
  unknownCodings: readonly string[];
};

/** Enough for the head of a page with its styles, and for all of an error in XML or JSON. */
const HEAD_BYTES = 65_536;

/** Throws `audio_unsupported` where the file at `path` is a page or another document. What is not known is for the decoder. */
export async function refuseDocument(path: string, from: CameFrom): Promise<void> {
  const head = await headOf(path);
  // The first bytes alone: this process reads no more of what strangers send.
  const sniffed = sniff(head);
  if (!('not' in sniffed)) return;
  const what = sniffed.not ?? (isWidePage(head) ? 'an HTML page' : null);
  // Plain text may be the beginning of anything; the decoder has a sentence for it.
  if (what === 'a text document') return;
  if (what === null && from.unknownCodings.length === 0) return;
  throw new JobError('audio_unsupported', documentSentence(what, head.toString('latin1'), from));
}

/** `what` with its article; null: like nothing known. */
export function documentSentence(what: string | null, head: string, from: CameFrom): string {
  const { host } = new URL(from.url);
  if (what === null)
    return `${host} sends the file in the coding ${from.unknownCodings.join(', ').slice(0, 60)}, which is not known here: let it send the file as it is, without Content-Encoding.`;
  const says = reasonIn(what, head);
  const answers = `The address answers with ${what}${says}, not with audio (${host})`;
  return `${answers}: ${cureFor(from) ?? cureOf(what)}.`;
}

/** A login is told from its field for the password; an error of an object store or an API from its code. */
function reasonIn(what: string, head: string): string {
  if (what === 'an HTML page') return /type\s*=\s*["']?password/i.test(head) ? ' that asks for a login' : '';
  const code =
    /<Code>\s*([A-Za-z][\w.-]{1,59})\s*<\/Code>/.exec(head)?.[1] ??
    /"(?:code|error|errorCode)"\s*:\s*"([A-Za-z][\w.-]{1,59})"/.exec(head)?.[1];
  return code === undefined ? '' : ` that says ${code}`;
}

function cureOf(what: string): string {
  if (what === 'a playlist')
    return 'a playlist names other addresses, which are not followed: give the address of the media file itself';
  if (what === 'an XML document' || what === 'a JSON document')
    return 'it is likely to be an error of the host: check that the link is whole, that its signature has not expired, and that it leads to the file itself';
  return 'give the direct link to the file, which needs no login and no click, or upload the file';
}

type Share = { readonly hosts: RegExp; readonly cure: string };

/** Where people copy links that lead to a page, and how to get at the file. */
const SHARES: readonly Share[] = [
  {
    hosts: /(?:^|\.)dropbox\.com$/,
    cure: 'a shared link of Dropbox leads to a page; with dl=1 instead of dl=0 at its end it leads to the file',
  },
  {
    hosts: /^(?:drive|docs|drive\.usercontent|accounts)\.google\.com$/,
    cure: 'a shared link of Google Drive leads to a page: share the file with "anyone with the link", and give https://drive.usercontent.google.com/download?id=FILE_ID&export=download&confirm=t',
  },
  {
    hosts:
      /(?:^|\.)(?:1drv\.ms|onedrive\.live\.com|sharepoint\.com|login\.live\.com|login\.microsoftonline\.com)$/,
    cure: 'a shared link of OneDrive or SharePoint leads to a page: share it with "anyone", and add download=1 to its query',
  },
  {
    hosts: /(?:^|\.)box\.com$/,
    cure: 'a shared link of Box leads to a page: give its direct link (…/shared/static/…), which its link settings show',
  },
  {
    hosts: /(?:^|\.)(?:github\.com|gitlab\.com)$/,
    cure: 'this is the page about a file: give its raw link (the button "Raw")',
  },
  {
    hosts:
      /(?:^|\.)(?:youtube\.com|youtu\.be|vimeo\.com|soundcloud\.com|spotify\.com|podcasts\.apple\.com|tiktok\.com|facebook\.com|instagram\.com)$/,
    cure: 'this is a page with a player: download the file, and upload it here',
  },
  {
    hosts:
      /(?:^|\.)(?:wetransfer\.com|we\.tl|icloud\.com|mega\.nz|mediafire\.com|pcloud\.com|pcloud\.link|loom\.com|zoom\.us)$/,
    cure: 'its shared links lead to a page with a button: download the file, and upload it here',
  },
];

/** By the address as it was given, then by where redirects led: a login is often elsewhere. */
function cureFor({ given, url }: CameFrom): string | null {
  for (const address of [given, url]) {
    const { hostname } = new URL(address);
    const share = SHARES.find(({ hosts }) => hosts.test(hostname));
    if (share) return share.cure;
  }
  return null;
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A page in UTF-16. */
function isWidePage(head: Buffer): boolean {
  const isLittle = head[0] === 0xff && head[1] === 0xfe;
  const isBig = head[0] === 0xfe && head[1] === 0xff;
  if (!isLittle && !isBig) return false;
  const text = new TextDecoder(isLittle ? 'utf-16le' : 'utf-16be').decode(head.subarray(0, 1_024));
  return /^\s*<(?:!doctype html|html)/i.test(text);
}
