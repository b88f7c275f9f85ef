// What the receiver is sent: the head, the body byte for byte, the same as a command of curl, and whether a signature
// is right. A large body is loaded when it is asked for, and once.
import { useEffect, useState } from 'preact/hooks';
import type { SentRequest as Sent } from '../../../src/http/schemas/sent-request.ts';
import { useApi } from '../context.ts';
import { curl } from '../curl.ts';
import { bytes } from '../format.ts';
import { useAction, useLoaded } from '../live.ts';
import { canCheck } from '../signature.ts';
import { BodyView } from './body-view.tsx';
import { CopyButton } from './copy-button.tsx';
import { Problem } from './problem.tsx';
import { Verify } from './verify.tsx';

/** Shown without being asked for. */
const SMALL_BYTES = 200_000;
/** A command line takes about 2 MB; one that can be read, less. */
const INLINE_BYTES = 4_000;

/** `attempts`: with another one the head is another. */
export function SentRequest({ id, attempts }: { id: string; attempts: number }) {
  const api = useApi();
  const { value, problem } = useLoaded({
    of: `${id} ${attempts}`,
    load: (signal) => api.callbacks.request(id, { signal }),
  });
  const [body, setBody] = useState<Uint8Array | null>(null);
  const load = useAction(async () => {
    setBody(new Uint8Array(await new Response(await api.callbacks.body(id)).arrayBuffer()));
  });
  const size = value?.bytes ?? null;
  const isSmall = size !== null && size <= SMALL_BYTES;
  useEffect(() => {
    if (isSmall) load.run();
  }, [isSmall]);
  return (
    <section aria-labelledby="request">
      <header class="title">
        <h2 id="request">What is sent</h2>
        {value && size !== null && (
          <CopyButton text={() => asCurl(id, value, body)} what="the request" label="copy as curl" />
        )}
      </header>
      <Problem problem={load.problem ?? problem} />
      {value && <Head of={value} />}
      {size === null && value && <p class="hint">Its body was removed with its transcription.</p>}
      {body === null && size !== null && (
        <div class="body-waits">
          <button type="button" disabled={load.busy} onClick={() => load.run()}>
            {load.busy || isSmall ? 'Loading the body…' : `Load the body (${bytes(size)})`}
          </button>
        </div>
      )}
      {body && <BodyView body={body} name={`${id}.json`} />}
      {value && body && (canCheck() ? <Verify sent={value} body={body} /> : <NotHere />)}
    </section>
  );
}

function NotHere() {
  return (
    <p class="hint">
      Signatures can be checked here on https or localhost only: browsers have no WebCrypto elsewhere.
    </p>
  );
}

function Head({ of }: { of: Sent }) {
  return (
    <details open>
      <summary>
        {of.method} <span class="url">{of.url}</span>
      </summary>
      <table class="head">
        <tbody>
          {Object.entries(of.headers).map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

/** The body in the command while it can be read there, else in the file that "download" makes. */
function asCurl(id: string, { method, url, headers }: Sent, body: Uint8Array | null): string {
  const { 'content-encoding': _, ...plain } = headers;
  const inline = body !== null && body.length <= INLINE_BYTES ? new TextDecoder().decode(body) : null;
  return curl({ method, url, headers: Object.entries(plain), body: inline, file: `${id}.json` });
}
