// Files and URLs on their way to becoming transcriptions: one after the other, each with how far it is.
import { useRef, useState } from 'preact/hooks';
import { RingbackError } from '../../src/client/error.ts';
import { useApi } from './context.ts';
import type { Options } from './new-request.ts';

/** A file of this machine, or a URL that the server fetches. */
export type Audio = File | string;

export type Progress =
  | { state: 'ready' }
  /** `sent`: the share of it, from 0 to 1. */
  | { state: 'uploading'; sent: number }
  | { state: 'accepted'; transcription: string }
  | { state: 'refused'; problem: unknown };

export type Submission = { audio: Audio; progress: Progress };

export const nameOf = (audio: Audio): string => (typeof audio === 'string' ? audio : audio.name);

const isAccepted = ({ progress }: Submission): boolean => progress.state === 'accepted';

export function useSubmissions() {
  const api = useApi();
  /** What was uploaded is not sent again when the options were refused. */
  const uploaded = useRef(new Map<File, string>());
  const [all, setAll] = useState<readonly Submission[]>([]);
  const tell = (audio: Audio, progress: Progress) =>
    setAll((before) => before.map((one) => (one.audio === audio ? { audio, progress } : one)));
  async function upload(file: File): Promise<string> {
    const before = uploaded.current.get(file);
    if (before !== undefined) return before;
    const { audio_url } = await api.upload(file, (sent) => tell(file, { state: 'uploading', sent }));
    uploaded.current.set(file, audio_url);
    return audio_url;
  }
  return {
    all,
    add: (given: readonly Audio[]) =>
      setAll((before) => [
        ...before,
        ...given.map((audio): Submission => ({ audio, progress: { state: 'ready' } })),
      ]),
    remove: (audio: Audio) => setAll((before) => before.filter((one) => one.audio !== audio)),
    /** Forgets those that were not accepted and are not files. */
    clearUrls: () =>
      setAll((before) => before.filter((one) => isAccepted(one) || typeof one.audio !== 'string')),
    async submit(audios: readonly Audio[], options: Options): Promise<Submitted> {
      const submitted: Submitted = { accepted: [], refused: [], left: [] };
      for (const [index, audio] of audios.entries())
        try {
          tell(audio, { state: 'uploading', sent: 0 });
          const audio_url = typeof audio === 'string' ? audio : await upload(audio);
          const { id: transcription } = await api.transcriptions.create({ audio_url, ...options });
          tell(audio, { state: 'accepted', transcription });
          submitted.accepted.push(transcription);
        } catch (problem) {
          submitted.refused.push(problem);
          submitted.left.push(audio);
          const isOurs = isOfItsAudio(problem);
          tell(audio, isOurs ? { state: 'refused', problem } : { state: 'ready' });
          if (isOurs) continue;
          // What is wrong with the options, or with the key, is wrong for every other one as well.
          submitted.left.push(...audios.slice(index + 1));
          break;
        }
      return submitted;
    },
  };
}

export type Submitted = {
  /** Ids of the transcriptions. */
  accepted: string[];
  refused: unknown[];
  /** What was refused, and what was not tried. */
  left: Audio[];
};

/** The others may still be taken. */
export function isOfItsAudio(problem: unknown): boolean {
  if (!(problem instanceof RingbackError)) return false;
  if (problem.reason.startsWith('audio_')) return true;
  const [only, ...more] = problem.sentences;
  return more.length === 0 && only?.startsWith('audio_url ') === true;
}
