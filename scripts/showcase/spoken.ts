// Made-up conversations with the times of their words, for records that no hours of real speech stand behind.
import type { Transcript, Utterance } from '../../src/speech/transcript.ts';

const LINES = [
  'Thank you for calling Acme support, this is Maria speaking.',
  'Hi Maria, I am calling about order A seventeen, it was supposed to arrive on Monday.',
  'Let me look that up for you.',
  'It says it has been delivered, but I have not received anything.',
  'I am sorry about that, the parcel was left with your neighbour in Baker Street.',
  'Oh wonderful, that is great news, thank you so much.',
  'Is there anything else I can help you with today?',
  'No, that is all. You have been very helpful.',
  'Our meeting in Berlin is on the fourth of March at ten o’clock.',
  'Please send the invoice to the new address in Hamburg.',
] as const;

/** Of `seconds`, on two channels in turn. */
export function spoken(seconds: number, from: number): Transcript {
  const utterances: Utterance[] = [];
  let at = 0.4;
  for (let index = 0; at < seconds - 3; index++) {
    const one = utterance(LINES[(from + index) % LINES.length] as string, at, index % 2);
    utterances.push(one);
    at = one.end + 0.6;
  }
  return { audioDuration: seconds, channels: 2, distinctChannels: 2, utterances };
}

function utterance(text: string, start: number, channel: number): Utterance {
  let at = start;
  const words = text.split(' ').map((word, index) => {
    const begin = at;
    at += 0.12 + 0.045 * word.length;
    // Every fifteenth is one that the recogniser would have been unsure of.
    const confidence = (channel + index + text.length) % 15 === 7 ? 0.42 : 0.93;
    return { word: index === 0 ? word : ` ${word}`, start: round(begin), end: round(at - 0.03), confidence };
  });
  return { start: round(start), end: round(at), confidence: 0.91, channel, language: 'en', text, words };
}

const round = (seconds: number): number => Math.round(seconds * 1_000) / 1_000;
