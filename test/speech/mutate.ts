// Damage done to media files, as broken disks, cut uploads and attackers do it.

/** Header bytes flipped, sizes blown up, pieces cut, doubled, zeroed, or replaced with noise. */
export function mutate(original: Buffer, round: number, random: () => number): Buffer {
  const bytes = Buffer.from(original);
  const at = (limit: number) => Math.floor(random() * limit);
  switch (round % 5) {
    case 0:
      for (let i = 0; i < 8; i++) bytes[at(Math.min(512, bytes.length))] = at(256);
      return bytes;
    case 1:
      for (let i = 0; i < 3; i++) bytes.writeUInt32BE([0, 1, 0x7fffffff, 0xffffffff][at(4)] ?? 0, at(1024));
      return bytes;
    case 2:
      for (let i = 0; i < 200; i++) bytes[at(bytes.length)] = at(256);
      return bytes;
    case 3: {
      const from = at(bytes.length);
      const to = Math.min(bytes.length, from + at(20_000));
      return at(2) === 0
        ? Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
        : Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
    }
    default:
      for (let i = 64; i < bytes.length; i++) bytes[i] = at(256);
      return bytes;
  }
}

/** A seed that is the name's own. */
export function seedOf(name: string): number {
  return [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 20_261_123);
}
