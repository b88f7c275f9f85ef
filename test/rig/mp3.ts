// MP3 that does not say how long it is: only decoding can tell.
import { readFileSync } from 'node:fs';
import { mpegFrame } from '../../src/speech/sniff.ts';

/** The 11 s of the clip, so many times over: 44 kB each. */
export function unmeasuredMp3(times: number): Buffer {
  const mp3 = readFileSync(new URL('../fixtures/formats/clip.mp3', import.meta.url));
  let at = mp3.indexOf(0xff);
  while (!mpegFrame(mp3, at)) at++;
  // The first frame has the length in it.
  const frames = mp3.subarray(at + (mpegFrame(mp3, at)?.bytes ?? 0));
  return Buffer.concat(Array.from({ length: times }, () => frames));
}
