// Whether memory ran out, and whose fault that is: a file that makes its decoder ask for gigabytes is damaged, a machine
// that has none left is our own affair.

/** What decoders and the engine say; none of them has a code for it. */
const SAID = /bad_alloc|bad allocation|allocate|allocation|out of memory|Array buffer/i;
/** ffmpeg gets so much at a time at most; with less than it left on the machine, anybody's demand is too much. */
const LITTLE = 256 * 2 ** 20;

export function saysOutOfMemory(said: string): boolean {
  return SAID.test(said);
}

/** Of this machine, or of this container. */
export function machineIsOutOfMemory(): boolean {
  return process.availableMemory() < LITTLE;
}
