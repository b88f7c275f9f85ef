// Sound whose every sample stands in the file as it is: PCM, floating point, A-law and µ-law, in the containers that the
// codecs for it do not all read rightly (@audio/decode-caf has A-law with the wrong sign and µ-law at a quarter of its
// level, -aiff takes 8 bits as unsigned, -wav makes positive samples larger by 1/32767 and trips over padding). Pure.

export type PlainSound = {
  /** Bytes of the file that are samples. */
  start: number;
  end: number;
  encoding: 'signed' | 'unsigned' | 'float' | 'alaw' | 'ulaw';
  /** Of a sample of one channel: 1, 2, 3, 4 or 8. */
  bytes: number;
  bigEndian: boolean;
  channels: number;
  rate: number;
};

/** Whether a sound of so many bits can be read here. */
export function isPlain({ encoding, bytes, channels, rate }: PlainSound): boolean {
  const widths = { signed: [1, 2, 3, 4], unsigned: [1, 2, 3, 4], float: [4, 8], alaw: [1], ulaw: [1] };
  return widths[encoding].includes(bytes) && channels > 0 && rate > 0;
}

/** One array per channel of what is in the bytes, whole frames of them; 16 bits keep their value exactly. */
export function readPlain(sound: PlainSound, data: Uint8Array): Float32Array[] {
  const frame = sound.bytes * sound.channels;
  const frames = Math.floor(data.length / frame);
  const read = reader(sound, new DataView(data.buffer, data.byteOffset, data.byteLength));
  return Array.from({ length: sound.channels }, (_, channel) => {
    const out = new Float32Array(frames);
    for (let i = 0, at = channel * sound.bytes; i < frames; i++, at += frame) out[i] = read(at);
    return out;
  });
}

function reader({ encoding, bytes, bigEndian }: PlainSound, view: DataView): (at: number) => number {
  const little = !bigEndian;
  if (encoding === 'alaw') return (at) => (ALAW[view.getUint8(at)] as number) / 32_768;
  if (encoding === 'ulaw') return (at) => (ULAW[view.getUint8(at)] as number) / 32_768;
  if (encoding === 'float')
    return bytes === 8 ? (at) => view.getFloat64(at, little) : (at) => view.getFloat32(at, little);
  // Unsigned sound is signed sound with the highest bit the other way round.
  const middle = encoding === 'unsigned' ? 1 : 0;
  const centred = (value: number) => (middle ? (value >= 0 ? value - 1 : value + 1) : value);
  if (bytes === 1) return (at) => centred(view.getInt8(at) / 128);
  if (bytes === 2) return (at) => centred(view.getInt16(at, little) / 32_768);
  if (bytes === 4) return (at) => centred(view.getInt32(at, little) / 2_147_483_648);
  const [high, low] = bigEndian ? [0, 2] : [2, 0];
  return (at) =>
    centred(
      (view.getInt8(at + high) * 65_536 + view.getUint8(at + 1) * 256 + view.getUint8(at + low)) / 8_388_608,
    );
}

/** ITU-T G.711. */
const ALAW = Int16Array.from({ length: 256 }, (_, code) => {
  const bits = code ^ 0x55;
  const segment = (bits >> 4) & 7;
  const within = ((bits & 15) << 4) + 8;
  const value = segment === 0 ? within : (within + 256) << (segment - 1);
  return (bits & 0x80) !== 0 ? value : -value;
});
const ULAW = Int16Array.from({ length: 256 }, (_, code) => {
  const bits = ~code & 255;
  const value = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132;
  return (bits & 0x80) !== 0 ? -value : value;
});
