// The extension of an upload, told by its bytes: names lie, and some have none.
import { open } from 'node:fs/promises';
import { type MediaKind, sniff } from './sniff.ts';

const HEAD_BYTES = 65_536;
/** An ID3 tag may stand before another; no file has more than a few. */
const MOST_TAGS = 4;

/** Names that go with the bytes; the first is said where the name of the file says none of them. */
const OF_KIND: Partial<Record<MediaKind, readonly string[]>> = {
  wav: ['wav', 'wave'],
  rf64: ['wav', 'rf64'],
  mp3: ['mp3', 'mp2', 'mpga', 'mpeg'],
  aac: ['aac', 'adts'],
  mp4: ['mp4', 'm4a', 'm4b', 'm4v', 'mov', 'qt', '3gp', '3g2', 'aac'],
  matroska: ['mkv', 'webm', 'mka', 'mk3d'],
  vorbis: ['ogg', 'oga', 'ogv'],
  opus: ['opus', 'ogg', 'oga'],
  oggflac: ['ogg', 'oga', 'flac'],
  ogg: ['ogg', 'oga', 'ogv', 'spx'],
  aiff: ['aiff', 'aif', 'aifc'],
  asf: ['wma', 'wmv', 'asf'],
  mpegts: ['ts', 'mts', 'm2ts'],
  mpegps: ['mpg', 'mpeg', 'vob'],
  au: ['au', 'snd'],
  wavpack: ['wv'],
  sphere: ['sph', 'wav'],
  real: ['rm', 'ra', 'rmvb'],
};

/** As the name says where the bytes agree, else as the bytes say; of what is not known by them, as the name says. */
function extensionOf(kind: MediaKind | null, named: string): string {
  if (kind === null) return named;
  const known = OF_KIND[kind] ?? [kind];
  return known.includes(named) ? named : (known[0] ?? named);
}

/** `named`: what the name of the file says. */
export async function fileExtension(path: string, named: string): Promise<string> {
  return extensionOf(await kindOfFile(path), named);
}

async function kindOfFile(path: string): Promise<MediaKind | null> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    let at = 0;
    for (let tags = 0; tags < MOST_TAGS; tags++) {
      const { bytesRead } = await file.read(head, 0, HEAD_BYTES, at);
      const seen = sniff(head.subarray(0, bytesRead));
      if ('kind' in seen) return seen.kind;
      if (!('skip' in seen)) return null;
      at += seen.skip;
    }
    return null;
  } finally {
    await file.close();
  }
}
