// Sounds without a word in them, made in code, the same every time. Pure.

import { SAMPLE_RATE } from '../../src/speech/transcript.ts';
import { keyTones } from './conditions.ts';
import { joined, noise, silence } from './speech-set.ts';

const wave = (hertz: number, seconds: number): number => Math.sin(2 * Math.PI * hertz * seconds);

/** `at` gives -1 to 1 for a time in seconds; the loudest is `peak` of 32,768. */
function sound(seconds: number, peak: number, at: (time: number) => number): Int16Array {
  return Int16Array.from({ length: Math.round(seconds * SAMPLE_RATE) }, (_, i) =>
    Math.round(peak * Math.max(-1, Math.min(1, at(i / SAMPLE_RATE)))),
  );
}

/** Of the mains: 50 Hz with its second and third harmonic. */
export const hum = (seconds: number, peak = 3_000): Int16Array =>
  sound(seconds, peak, (t) => 0.6 * wave(50, t) + 0.3 * wave(100, t) + 0.1 * wave(150, t));

/** What a telephone line says without words: dialling, ringing, busy, keys, a fax machine's answer, a sweep. */
export function tones(seconds: number): Int16Array {
  const on = (t: number, from: number, to: number) => (t >= from && t < to ? 1 : 0);
  const round = [
    sound(4, 6_000, (t) => (wave(350, t) + wave(440, t)) / 2),
    sound(6, 6_000, (t) => ((wave(440, t) + wave(480, t)) / 2) * on(t, 0, 2)),
    sound(5, 6_000, (t) => ((wave(480, t) + wave(620, t)) / 2) * on(t % 1, 0, 0.5)),
    keyTones(12),
    sound(4, 8_000, (t) => wave(2_100, t) * on(t, 0.5, 3.5)),
    sound(5, 8_000, (t) => Math.sin(2 * Math.PI * (100 * t + 340 * t * t))),
    sound(2, 6_000, (t) => wave(1_000, t) * on(t % 0.5, 0, 0.05)),
    silence(2),
  ];
  return repeated(joined(round), seconds);
}

/** Bass, chords that fade, a melody and drums, 100 beats a minute. */
export function music(seconds: number): Int16Array {
  const chords = [
    [220, 261.63, 329.63],
    [174.61, 220, 261.63],
    [130.81, 164.81, 196],
    [196, 246.94, 293.66],
  ];
  const melody = [440, 523.25, 659.25, 587.33, 523.25, 493.88, 440, 392, 349.23, 440, 523.25, 392];
  const hiss = noise(1, 1_000);
  const string = (hertz: number, t: number, age: number) =>
    Math.exp(-3 * age) * (wave(hertz, t) + 0.5 * wave(2 * hertz, t) + 0.25 * wave(3 * hertz, t));
  return sound(seconds, 20_000, (t) => {
    const beat = t / 0.6;
    const [age, half] = [(beat % 1) * 0.6, (beat * 2) % 1];
    const chord = chords[Math.floor(beat / 4) % 4] ?? [];
    const note = melody[Math.floor(beat * 2) % melody.length] ?? 440;
    const strings = chord.reduce((sum, hertz) => sum + string(hertz, t, age), 0);
    const bass = string((chord[0] ?? 110) / 2, t, age);
    const lead = string(note, t, half * 0.3);
    const drum = ((hiss[Math.floor(t * SAMPLE_RATE) % hiss.length] ?? 0) / 1_000) * Math.exp(-25 * age);
    return 0.12 * strings + 0.2 * bass + 0.25 * lead + 0.15 * drum;
  });
}

function repeated(round: Int16Array, seconds: number): Int16Array {
  const whole = new Int16Array(Math.round(seconds * SAMPLE_RATE));
  for (let at = 0; at < whole.length; at += round.length) whole.set(round.subarray(0, whole.length - at), at);
  return whole;
}
