// Whether memory ran out, and whose fault that is: a file that makes its decoder ask for gigabytes is damaged, a machine
// that has none left is our own affair.

/** What decoders and the engine say; none of them has a code for it. */
const SAID = /bad_alloc|bad allocation|allocate|allocation|out of memory|Array buffer/i;
/** ffmpeg gets so much at a time at most; with less than it left on the machine, anybody's demand is too much. */
const LITTLE = 256 * 2 ** 20;

export function saysOutOfMemory(said: string): boolean {
  return SAID.test(said);
}

/**
 * The last words of V8 where a list is longer than it makes any, or its heap larger than it may be: what a decoder asked for
 * by a file's wrong count, however much memory the machine has.
 */
export function ranIntoItsHeap(said: string): boolean {
  return /invalid (?:table size|array length)|heap limit/i.test(said);
}

/** Of this machine, or of this container. */
export function machineIsOutOfMemory(): boolean {
  return process.availableMemory() < LITTLE;
}
