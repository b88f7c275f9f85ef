// The commands that the pages show, and whether what they print is what the pages say they print. Pure.

export type Block = {
  language: 'console' | 'sh';
  /** Of its first line in the page. */
  line: number;
  commands: Command[];
};

/** A line of a `console` block behind `$`, and what stands below it; of an `sh` block, all of it, and nothing below. */
export type Command = { text: string; prints: string[] };

export function blocksOf(markdown: string): Block[] {
  const fences = markdown.matchAll(/^```(console|sh)\n([\s\S]*?)^```$/gm);
  return [...fences].map(({ 1: language, 2: text = '', index }) => ({
    language: language as Block['language'],
    line: markdown.slice(0, index).split('\n').length + 1,
    commands: language === 'sh' ? [{ text: text.trimEnd(), prints: [] }] : typedIn(text),
  }));
}

function typedIn(text: string): Command[] {
  const commands: Command[] = [];
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('$ ')) commands.push({ text: line.slice(2), prints: [] });
    else commands.at(-1)?.prints.push(line);
  }
  return commands;
}

/** The first line that should be there, in this order, and is not; null: all are. */
export function missing(prints: readonly string[], printed: string): string | null {
  const lines = printed.split('\n').map(alike);
  let from = 0;
  for (const wanted of prints.map(alike).filter((line) => line !== '')) {
    const parts = wanted.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const pattern = new RegExp(`^${parts.join('.*')}$`);
    const found = lines.findIndex((line, index) => index >= from && pattern.test(line));
    if (found === -1) return wanted;
    from = found + 1;
  }
  return null;
}

/** What differs from run to run becomes the name of what it is; spaces that only align become one. */
function alike(line: string): string {
  return line
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'ID')
    .replaceAll(/\/inbox\/[\w-]+/g, '/inbox/TOKEN')
    .replaceAll(/rb_[\w…-]+/g, 'KEY')
    .replaceAll(/v1,[\w+/=]+/g, 'SIGNATURE')
    .replaceAll(/https?:\/\/(127\.0\.0\.1|localhost|stt\.example\.org)(:\d+)?/g, 'URL')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d\d:\d\d:\d\d\b/g, 'TIME')
    .replaceAll(/webhook-timestamp: \d+/g, 'webhook-timestamp: TIME')
    .replaceAll(/\b\d+(\.\d+)? (ms|s)\b/g, 'SPAN')
    .replaceAll(/ +/g, ' ')
    .trim();
}
