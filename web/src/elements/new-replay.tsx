// Which callbacks are to be sent again: counted first, and sent when that is confirmed.
import { useRef, useState } from 'preact/hooks';
import {
  DELIVERY_EVENTS,
  DELIVERY_STATES,
  type DeliveryEvent,
  type DeliveryState,
} from '../../../src/delivery.ts';
import type { ReplayPreview, ReplayRequest } from '../../../src/http/schemas/replay.ts';
import { useApi } from '../context.ts';
import { useAction, useLoaded } from '../live.ts';
import { filterWords, previewSentence, skippedSentence } from '../replay-words.ts';
import { Problem } from './problem.tsx';

/** To choose from; the one that the page was asked for is there in any case. */
const MOST_ENDPOINTS = 1_000;

export function NewReplay({ query, onMade }: { query: URLSearchParams; onMade: () => void }) {
  const api = useApi();
  const states = query.has('state') ? query.getAll('state') : ['failed'];
  const endpoints = useLoaded({
    of: 'endpoints',
    load: async (signal) => (await api.endpoints.page({ limit: MOST_ENDPOINTS }, signal)).items,
  });
  const given = query.get('endpoint');
  /** What was looked at, and is sent as it was looked at. */
  const [asked, setAsked] = useState<{ request: ReplayRequest; preview: ReplayPreview } | null>(null);
  const dialog = useRef<HTMLDialogElement>(null);
  const look = useAction(async (form: FormData) => {
    const request = readRequest(form);
    setAsked({ request, preview: await api.replays.preview(request) });
    dialog.current?.showModal();
  });
  const make = useAction(async () => {
    if (!asked) return;
    dialog.current?.close();
    await api.replays.create(asked.request);
    onMade();
  });
  return (
    <form
      class="panel"
      onSubmit={(event) => {
        event.preventDefault();
        look.run(new FormData(event.currentTarget));
      }}
    >
      <fieldset>
        <legend>Send again every callback that is</legend>
        <div class="row">
          {DELIVERY_STATES.map((state) => (
            <label key={state} class="check">
              <input type="checkbox" name="state" value={state} defaultChecked={states.includes(state)} />
              {state}
            </label>
          ))}
        </div>
        <div class="row">
          <label>
            to
            <select name="endpoint" key={endpoints.value?.length} defaultValue={given ?? ''}>
              <option value="">any endpoint</option>
              {given !== null && !endpoints.value?.some(({ id }) => id === given) && (
                <option value={given} selected>
                  the endpoint {given}
                </option>
              )}
              {endpoints.value?.map((endpoint) => (
                <option key={endpoint.id} value={endpoint.id} selected={endpoint.id === given}>
                  {endpoint.url}
                </option>
              ))}
            </select>
          </label>
          <label>
            tells of
            <select name="event">
              <option value="">any event</option>
              {DELIVERY_EVENTS.map((event) => (
                <option key={event}>{event}</option>
              ))}
            </select>
          </label>
          <label>
            made from
            <input type="datetime-local" name="created_after" step={1} />
          </label>
          <label>
            until before
            <input type="datetime-local" name="created_before" step={1} />
          </label>
          <label>
            at most, a second
            <input type="number" name="rate" min={1} max={1_000} defaultValue="10" required />
          </label>
        </div>
      </fieldset>
      <div class="actions">
        <button type="submit" class="main" disabled={look.busy || make.busy}>
          Count them…
        </button>
        <span class="hint">Nothing is sent yet. With no state chosen, those of every state.</span>
      </div>
      <Problem problem={look.problem ?? make.problem ?? endpoints.problem} />
      <dialog ref={dialog} aria-labelledby="foreseen">
        {asked && (
          <>
            <p id="foreseen">{previewSentence(asked.preview)}</p>
            <p class="hint">{filterWords(asked.request.filter)}</p>
            {skippedSentence(asked.preview.skipped) !== null && (
              <p class="hint">{skippedSentence(asked.preview.skipped)}</p>
            )}
          </>
        )}
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Leave it
          </button>
          <button
            type="button"
            class="main"
            disabled={asked?.preview.resendable === 0 && !asked.preview.at_least}
            onClick={() => make.run()}
          >
            Send again
          </button>
        </div>
      </dialog>
    </form>
  );
}

function readRequest(form: FormData): ReplayRequest {
  const text = (name: string) => String(form.get(name) ?? '');
  const states = form.getAll('state') as DeliveryState[];
  /** The browser's own time zone. */
  const instant = (name: 'created_after' | 'created_before') =>
    text(name) === '' ? {} : { [name]: new Date(text(name)).toISOString() };
  return {
    filter: {
      ...(states.length > 0 && { state: states }),
      ...(text('endpoint') !== '' && { endpoint: text('endpoint') }),
      ...(text('event') !== '' && { event: text('event') as DeliveryEvent }),
      ...instant('created_after'),
      ...instant('created_before'),
    },
    rate: Number(text('rate')),
  };
}
