// What came to an inbox, newest first: one line each, and all of it when that is opened.
import { useEffect, useState } from 'preact/hooks';
import type { Inbox, InboxRequest } from '../../../src/http/schemas/inbox.ts';
import { useApi } from '../context.ts';
import { bytes, shortId } from '../format.ts';
import type { useInboxRequests } from '../inbox-requests.ts';
import { useAction } from '../live.ts';
import { link } from '../route.ts';
import { unpacked } from '../unpack.ts';
import { BodyView } from './body-view.tsx';
import { Problem } from './problem.tsx';
import { type Mood, State } from './state.tsx';
import { Time } from './time.tsx';

type Props = { inbox: Inbox; arrived: ReturnType<typeof useInboxRequests> };

export function InboxRequests({ inbox, arrived: { requests, older, connected, loadOlder } }: Props) {
  const more = useAction(loadOlder);
  return (
    <section aria-labelledby="requests">
      <header class="title">
        <h2 id="requests">Requests</h2>
        <span class="hint" role="status">
          {connected ? 'as they come' : 'connecting…'}
        </span>
      </header>
      {requests?.length === 0 && (
        <p class="hint">Nothing has come yet. “Send a sample” makes a callback to this inbox.</p>
      )}
      {requests === undefined && <Waiting />}
      <ol class="attempts">
        {requests?.map((request) => (
          <li key={request.number}>
            <One inbox={inbox.id} of={request} />
          </li>
        ))}
      </ol>
      <Problem problem={more.problem} />
      {older !== null && (
        <div class="actions">
          <button type="button" disabled={more.busy} onClick={() => more.run()}>
            Older
          </button>
        </div>
      )}
    </section>
  );
}

const Waiting = () => (
  <div class="attempt">
    <span class="skeleton" />
  </div>
);

const headerOf = ({ headers }: InboxRequest, wanted: string): string | undefined =>
  headers.find(([name]) => name?.toLowerCase() === wanted)?.[1];

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function One({ inbox, of }: { inbox: string; of: InboxRequest }) {
  const [open, setOpen] = useState(false);
  const callback = headerOf(of, 'webhook-id');
  const attempt = headerOf(of, 'ringback-attempt');
  return (
    <article class="attempt" aria-label={`Request ${of.number}`}>
      <header>
        <strong>#{of.number}</strong>
        <strong>{of.method}</strong>
        <Answer of={of} />
        <Signature of={of} />
        {callback !== undefined && UUID.test(callback) && of.signature === 'valid' && (
          <a href={link(['callbacks', callback])}>
            callback {shortId(callback)}
            {attempt !== undefined && `, attempt ${attempt}`}
          </a>
        )}
        <span class="end hint">
          {bytes(of.bytes)}, <Time at={of.received_at} />
        </span>
      </header>
      {of.query !== '' && <code class="url">{of.query}</code>}
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Headers, body and answer</summary>
        {open && <Whole inbox={inbox} of={of} />}
      </details>
    </article>
  );
}

/** In the words of the one who waits for it. */
const STATES: Readonly<Record<InboxRequest['state'], string>> = {
  waiting: 'waits for your machine',
  answered: 'answered',
  held: 'held, no answer',
  cut: 'connection closed',
  left: 'its sender did not wait',
};
const MOODS: Readonly<Record<InboxRequest['state'], Mood>> = {
  waiting: 'busy',
  answered: 'good',
  held: 'waiting',
  cut: 'waiting',
  left: 'bad',
};

function Answer({ of: { state, answer, answered_by: by } }: { of: InboxRequest }) {
  const label =
    answer === null ? STATES[state] : `${answer.status}${by === 'forwarder' ? ' by your machine' : ''}`;
  const mood: Mood = answer === null ? MOODS[state] : answer.status < 300 ? 'good' : 'bad';
  return <State of={state} mood={mood} label={label} />;
}

function Signature({ of: { signature } }: { of: InboxRequest }) {
  if (signature === null) return <span class="hint">not signed</span>;
  return signature === 'valid' ? (
    <State of="success" label="signature right" />
  ) : (
    <State of="failed" label="signature wrong" />
  );
}

function Whole({ inbox, of }: { inbox: string; of: InboxRequest }) {
  const api = useApi();
  const [body, setBody] = useState<Uint8Array | null>(() => told(of.body));
  const load = useAction(async () => {
    setBody(new Uint8Array(await new Response(await api.inboxes.body(inbox, of.number)).arrayBuffer()));
  });
  const answered = told(of.answer?.body ?? null);
  const isPacked = headerOf(of, 'content-encoding') === 'gzip';
  const [plain, setPlain] = useState<Uint8Array | null>(null);
  useEffect(() => {
    if (body && isPacked) void unpacked(body).then(setPlain);
  }, [body, isPacked]);
  return (
    <div class="fields">
      <Headers label="Headers as they came" of={of.headers} />
      {body ? (
        <>
          {plain && <p class="hint">It came gzipped, and is shown unpacked.</p>}
          <BodyView body={plain ?? body} name={`request-${of.number}`} />
        </>
      ) : (
        of.bytes > 0 && (
          <div class="actions">
            <button type="button" disabled={load.busy} onClick={() => load.run()}>
              Load the body ({bytes(of.bytes)})
            </button>
          </div>
        )
      )}
      <Problem problem={load.problem} />
      {of.answer && (
        <>
          <h3>Answer {of.answer.status}</h3>
          <Headers label="Headers of the answer" of={Object.entries(of.answer.headers)} />
          {answered && answered.length > 0 && <BodyView body={answered} name={`answer-${of.number}`} />}
        </>
      )}
    </div>
  );
}

function Headers({ label, of }: { label: string; of: readonly (readonly string[])[] }) {
  if (of.length === 0) return null;
  return (
    <table class="head" aria-label={label}>
      <tbody>
        {of.map(([name, value], index) => (
          <tr key={`${index} ${name}`}>
            <th scope="row">{name}</th>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Null: it is too large to come along. */
function told(body: InboxRequest['body']): Uint8Array | null {
  if (body === null) return null;
  return 'text' in body
    ? new TextEncoder().encode(body.text)
    : Uint8Array.from(atob(body.base64), (character) => character.charCodeAt(0));
}
