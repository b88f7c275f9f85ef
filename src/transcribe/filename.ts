// The name of a downloaded file, to be shown; the file on disk is named by us. Pure.
import type { Head } from '../outbound/request.ts';
import { header } from './partial.ts';

/** From content-disposition or the URL, without folders; `audio` when neither gives one. */
export function filenameOf(head: Head, url: string): string {
  const disposition = asText(header(head, 'content-disposition') ?? '');
  const extended = /filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(disposition)?.[1];
  const plain = /filename\s*=\s*(?:"([^"]*)"|([^;\s]+))/i.exec(disposition);
  const candidates = [
    extended === undefined ? undefined : decoded(extended),
    plain?.[1] ?? plain?.[2],
    decoded(new URL(url).pathname),
  ];
  for (const candidate of candidates) {
    const name = candidate
      ?.split(/[/\\]/)
      .at(-1)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here.
      ?.replace(/[\u0000-\u001f\u007f]/g, '')
      .trim()
      .slice(0, 255);
    if (name && name !== '.' && name !== '..') return name.toWellFormed();
  }
  return 'audio';
}

/**
 * Headers are read as Latin-1, a byte a character; many hosts write UTF-8 there. What is not UTF-8 is taken as it is: names of
 * before it are Latin-1.
 */
export function asText(latin1: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(latin1, 'latin1'));
  } catch {
    // Latin-1 it is.
    return latin1;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
