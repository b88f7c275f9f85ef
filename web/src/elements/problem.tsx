// Why something did not work, in the server's own words.
import { RingbackError } from '../../../src/client/error.ts';

export function Problem({ problem }: { problem: unknown }) {
  if (problem === undefined || problem === null) return null;
  const message = messageOf(problem);
  const sentences = problem instanceof RingbackError ? problem.sentences : [];
  // Refusals are not logged: the log knows more of failures only.
  const requestId =
    problem instanceof RingbackError && (problem.status ?? 0) >= 500 ? problem.requestId : null;
  return (
    <div class="problem" role="alert">
      {sentences.length > 1 ? (
        <ul>
          {sentences.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      ) : (
        <p>{sentences[0] ?? message}</p>
      )}
      {requestId !== null && <p class="hint">The server's log has more under {requestId}.</p>}
    </div>
  );
}

/** The hosted API's words for a key that it does not know would not help anybody. */
function messageOf(problem: unknown): string {
  if (problem instanceof RingbackError && problem.status === 401)
    return 'The server does not know this API key: it was mistyped, or revoked.';
  return problem instanceof Error ? problem.message : String(problem);
}
