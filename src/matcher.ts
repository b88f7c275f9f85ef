// Finds any of many words in a text in one pass (Aho and Corasick, 1975): in time that depends on neither their number nor how
// much they resemble the text, since far ends choose the text. Pure.

type Node = {
  readonly next: Map<number, Node>;
  /** Characters from the root. */
  readonly depth: number;
  /** The longest end of this one's text that is the beginning of another word. */
  fail: Node | null;
  /** Words that end here, by their place in the list; and the next along `fail` at which some do. */
  readonly words: number[];
  shorter: Node | null;
};

const node = (depth: number): Node => ({ next: new Map(), depth, fail: null, words: [], shorter: null });

export class Matcher {
  readonly #root = node(0);

  constructor(words: readonly string[]) {
    for (const [index, word] of words.entries()) {
      let at = this.#root;
      for (let i = 0; i < word.length; i++) {
        const code = word.charCodeAt(i);
        const following = at.next.get(code) ?? node(i + 1);
        at.next.set(code, following);
        at = following;
      }
      at.words.push(index);
    }
    this.#link();
  }

  /**
   * Tells of each word where it ends, and returns how many of the last characters are the beginning of a word that would
   * have gone on.
   */
  find(text: string, found: (word: number, end: number) => void): number {
    let at = this.#root;
    for (let i = 0; i < text.length; i++) {
      at = this.#step(at, text.charCodeAt(i));
      for (let hit: Node | null = at; hit; hit = hit.shorter)
        for (const word of hit.words) found(word, i + 1);
    }
    return at.depth;
  }

  #step(from: Node, code: number): Node {
    for (let at: Node | null = from; at; at = at.fail) {
      const following = at.next.get(code);
      if (following) return following;
    }
    return this.#root;
  }

  /** Level by level: what a node falls back to is nearer to the root. */
  #link(): void {
    const queue = [this.#root];
    for (const at of queue)
      for (const [code, following] of at.next) {
        following.fail = at.fail === null ? this.#root : this.#step(at.fail, code);
        following.shorter = following.fail.words.length > 0 ? following.fail : following.fail.shorter;
        queue.push(following);
      }
  }
}
