// What a refusal quotes of a request. A name in a body may have a megabyte, and a refusal that carries it in every
// sentence is hundreds of times as large as the request: nobody reads further than this.
const MOST = 200;

/** The beginning of a path or value, and `…` for the rest. */
export function clipped(text: string): string {
  return text.length <= MOST ? text : `${text.slice(0, MOST).toWellFormed()}…`;
}

/** The path of a request's URL, without its query. */
export function clippedPath(url: string): string {
  return clipped(url.replace(/\?.*$/s, ''));
}

/** Bytes of all sentences as JSON. A refusal has them twice: as a list, and as one text. */
const MOST_BYTES = 30_000;

/** As many of them as a refusal has room for; the first always. */
export function bounded(sentences: readonly string[]): string[] {
  let bytes = 0;
  const end = sentences.findIndex((one, index) => {
    bytes += Buffer.byteLength(JSON.stringify(one));
    return index > 0 && bytes > MOST_BYTES;
  });
  return end === -1 ? [...sentences] : sentences.slice(0, end);
}
