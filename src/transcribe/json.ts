// JSON of any size, written in turns.
import { breather, concatenated } from '../turns.ts';

/** From a result down to a word of its utterances, or to an utterance of its translations. */
const DEPTH = 5;
const CHUNK = 16_384;

/** The bytes of `JSON.stringify(value)`, of plain data; throws what that throws. */
export async function jsonOf(value: object): Promise<Buffer> {
  const breath = breather();
  const chunks: Buffer[] = [];
  let text = '';
  for (const piece of pieces(value, DEPTH)) {
    text += piece;
    if (text.length < CHUNK) continue;
    chunks.push(Buffer.from(text));
    text = '';
    await breath();
  }
  chunks.push(Buffer.from(text));
  return concatenated(chunks);
}

function* pieces(value: unknown, depth: number): Generator<string> {
  if (depth === 0 || typeof value !== 'object' || value === null || JSON.isRawJSON(value)) {
    yield JSON.stringify(value) ?? 'null';
  } else if (Array.isArray(value)) {
    let before = '[';
    for (const item of value) {
      yield before;
      yield* pieces(item, depth - 1);
      before = ',';
    }
    yield before === '[' ? '[]' : ']';
  } else {
    let before = '{';
    for (const [name, item] of Object.entries(value)) {
      if (item === undefined) continue;
      yield `${before}${JSON.stringify(name)}:`;
      yield* pieces(item, depth - 1);
      before = ',';
    }
    yield before === '{' ? '{}' : '}';
  }
}
