// Every attempt of a delivery: when, where to, what came back, and where the time went.
import type { Attempt } from '../../../src/http/schemas/callback.ts';
import { bytes, milliseconds, words } from '../format.ts';
import { statusSentence } from '../next-step.ts';
import { Facts } from './facts.tsx';
import { State } from './state.tsx';
import { Time } from './time.tsx';

/** As they follow one another; the names are those of `phases_ms`. */
const PHASES = [
  ['dns', 'DNS'],
  ['connect', 'connect'],
  ['tls', 'TLS'],
  ['send', 'send'],
  ['firstByte', 'first byte'],
  ['body', 'body'],
] as const;

/** `to`: where the callback goes; an attempt says so that went elsewhere. */
export function Attempts({ of, to }: { of: readonly Attempt[]; to: string }) {
  if (of.length === 0) return <p class="hint">No attempt yet.</p>;
  return (
    <ol class="attempts">
      {of.toReversed().map((attempt) => (
        <li key={attempt.number}>
          <One attempt={attempt} to={to} />
        </li>
      ))}
    </ol>
  );
}

function One({ attempt, to }: { attempt: Attempt; to: string }) {
  const { answer, error } = attempt;
  return (
    <article class="attempt" aria-label={`Attempt ${attempt.number}`}>
      <header>
        <strong>#{attempt.number}</strong>
        <State of={attempt.outcome} />
        {attempt.status !== null && <strong>HTTP {attempt.status}</strong>}
        {error && <span>{words(error.class)}</span>}
        <span class="end hint">
          {attempt.duration_ms !== null && `${milliseconds(attempt.duration_ms)}, `}
          <Time at={attempt.started_at} />
        </span>
      </header>
      {attempt.status !== null && attempt.outcome !== 'delivered' && (
        <p>{statusSentence(attempt.status, attempt.location)}</p>
      )}
      {error?.message && <p>{error.message}</p>}
      <Facts
        of={[
          attempt.trigger !== 'schedule' && ['Because of', `a ${attempt.trigger}`],
          attempt.form !== 'full' && ['Form', attempt.form],
          attempt.url !== to && ['To', attempt.url],
          attempt.address !== null && ['Address', attempt.address],
          attempt.location !== null && ['Redirected to (not followed)', attempt.location],
        ]}
      />
      <Phases of={attempt.phases_ms} />
      {answer && (
        <details>
          <summary>
            Answer{answer.bytes !== null && `, ${bytes(answer.bytes)}`}
            {answer.truncated === true && ', cut to its head'}
          </summary>
          <pre>{answer.text ?? answer.base64}</pre>
        </details>
      )}
    </article>
  );
}

function Phases({ of }: { of: Attempt['phases_ms'] }) {
  const parts = PHASES.flatMap(([name, label]) => {
    const ms = of?.[name];
    return typeof ms === 'number' ? [{ name, label, ms }] : [];
  });
  const total = parts.reduce((sum, { ms }) => sum + ms, 0);
  if (total === 0) return null;
  return (
    <div class="phases">
      <div class="bar" aria-hidden="true">
        {parts.map(({ name, ms }) => (
          <span key={name} class={`phase-${name}`} style={{ flexGrow: String(ms) }} />
        ))}
      </div>
      <ul>
        {parts.map(({ name, label, ms }) => (
          <li key={name}>
            <span class={`dot phase-${name}`} aria-hidden="true" /> {label} {milliseconds(ms)}
          </li>
        ))}
      </ul>
    </div>
  );
}
