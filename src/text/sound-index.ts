// Finds the entry that sounds most like what was heard, among a thousand: a tree of their phonemes, walked with one row
// of the weighted edit distance a node, and left where nothing below can be alike enough. Exact: what it leaves out, a
// comparison with every entry would refuse too. Pure.
import { exchangeCost, weightOf } from './phonemes.ts';

type Node<Entry> = {
  phoneme: number;
  children: Node<Entry>[];
  entries: Entry[];
  /** The weight of the sound up to here, and of the sounds that go through here. */
  weight: number;
  lightest: number;
  heaviest: number;
  intensity: number;
};

/** Must not rise with weight or intensity. */
export type LikenessAsked = (weight: number, intensity: number, confidence: number) => number;

export type Match<Entry> = { entry: Entry; likeness: number };

/** Longer sounds are cut: 80 phonemes are some 20 words. */
const LONGEST = 80;

export class SoundIndex<Entry extends { intensity: number }> {
  readonly #asked: LikenessAsked;
  readonly #root: Node<Entry> = newNode(-1, 0);
  readonly #phonemes: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #weights: number[] = [];
  /** By the one phoneme's number, then the other's. */
  readonly #costs: number[][] = [];
  readonly #rows = Array.from({ length: LONGEST + 1 }, () => new Float64Array(LONGEST + 1));

  constructor(asked: LikenessAsked) {
    this.#asked = asked;
  }

  add(sound: string, entry: Entry): void {
    const numbers = this.#numbered(sound);
    if (numbers.length === 0) return;
    const total = numbers.reduce((sum, number) => sum + (this.#weights[number] ?? 0), 0);
    let node = this.#root;
    widen(node, total, entry.intensity);
    for (const phoneme of numbers) {
      let next = node.children.find((child) => child.phoneme === phoneme);
      if (next === undefined) {
        next = newNode(phoneme, node.weight + (this.#weights[phoneme] ?? 0));
        node.children.push(next);
      }
      widen(next, total, entry.intensity);
      node = next;
    }
    node.entries.push(entry);
  }

  /** The entry most like `sound`, when it is alike enough for words heard with this confidence. */
  closest(sound: string, confidence: number): Match<Entry> | undefined {
    const heard = this.#numbered(sound);
    if (heard.length === 0) return;
    const weights = heard.map((number) => this.#weights[number] ?? 0);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    /** What is left of the heard sound from each phoneme on. */
    const left = [total];
    for (const weight of weights) left.push((left.at(-1) ?? 0) - weight);
    const first = this.#rows[0];
    if (first === undefined) return;
    for (const [i, rest] of left.entries()) first[i] = total - rest;
    const search: Search<Entry> = { heard, weights, left, total, confidence, best: undefined };
    for (const child of this.#root.children) this.#walk(child, 1, search);
    return search.best;
  }

  #walk(node: Node<Entry>, depth: number, search: Search<Entry>): void {
    const { heard, weights, left, total, confidence } = search;
    const asked = Math.max(
      search.best?.likeness ?? 0,
      this.#asked(node.heaviest, node.intensity, confidence),
    );
    const most = (1 - asked) * Math.max(total, node.heaviest);
    if (total - node.heaviest > most || node.lightest - total > most) return;
    const above = this.#rows[depth - 1] as Float64Array;
    const row = this.#rows[depth] as Float64Array;
    const costs = this.#costs[node.phoneme] as number[];
    const weight = this.#weights[node.phoneme] as number;
    const fewest = node.lightest - node.weight;
    const furthest = node.heaviest - node.weight;
    let here = (above[0] as number) + weight;
    row[0] = here;
    let least = here + Math.max(0, total - furthest, fewest - total);
    for (let i = 0; i < heard.length; i++) {
      const exchanged = (above[i] as number) + (costs[heard[i] as number] as number);
      const missing = (above[i + 1] as number) + weight;
      const added = here + (weights[i] as number);
      here = exchanged < missing ? exchanged : missing;
      if (added < here) here = added;
      row[i + 1] = here;
      // At least the difference of what is left must still be paid.
      const rest = left[i + 1] as number;
      const due = here + (rest > furthest ? rest - furthest : rest < fewest ? fewest - rest : 0);
      if (due < least) least = due;
    }
    if (least > most) return;
    for (const entry of node.entries) {
      const likeness = 1 - here / Math.max(total, node.weight);
      if (likeness <= (search.best?.likeness ?? 0)) continue;
      if (likeness >= this.#asked(node.weight, entry.intensity, confidence))
        search.best = { entry, likeness };
    }
    for (const child of node.children) this.#walk(child, depth + 1, search);
  }

  #numbered(sound: string): number[] {
    return [...sound].slice(0, LONGEST).map((phoneme) => this.#numbers.get(phoneme) ?? this.#meet(phoneme));
  }

  #meet(phoneme: string): number {
    const number = this.#phonemes.length;
    this.#phonemes.push(phoneme);
    this.#numbers.set(phoneme, number);
    this.#weights.push(weightOf(phoneme));
    this.#costs.push(this.#phonemes.map((other) => exchangeCost(phoneme, other)));
    for (const [other, costs] of this.#costs.entries())
      costs[number] = exchangeCost(this.#phonemes[other] ?? '', phoneme);
    return number;
  }
}

type Search<Entry> = {
  heard: readonly number[];
  weights: readonly number[];
  left: readonly number[];
  total: number;
  confidence: number;
  best: Match<Entry> | undefined;
};

function newNode<Entry>(phoneme: number, weight: number): Node<Entry> {
  return {
    phoneme,
    children: [],
    entries: [],
    weight,
    lightest: Number.POSITIVE_INFINITY,
    heaviest: 0,
    intensity: 0,
  };
}

function widen<Entry>(node: Node<Entry>, weight: number, intensity: number): void {
  node.lightest = Math.min(node.lightest, weight);
  node.heaviest = Math.max(node.heaviest, weight);
  node.intensity = Math.max(node.intensity, intensity);
}
