// How far one file or URL is, in words.
import { percent, shortId } from '../format.ts';
import { link } from '../route.ts';
import type { Progress } from '../submissions.ts';
import { Problem } from './problem.tsx';
import { State } from './state.tsx';

export function SubmissionState({ of }: { of: Progress }) {
  switch (of.state) {
    case 'ready':
      return <span class="hint">ready</span>;
    case 'uploading':
      return (
        <label class="check">
          <progress max={1} value={of.sent} />
          {of.sent < 1 ? percent(of.sent) : 'stored and measured…'}
        </label>
      );
    case 'accepted':
      return (
        <>
          <State of="success" label="accepted" />
          <a href={link(['transcriptions', of.transcription])}>transcription {shortId(of.transcription)}</a>
        </>
      );
    case 'refused':
      return <Problem problem={of.problem} />;
    default:
      return of satisfies never;
  }
}
