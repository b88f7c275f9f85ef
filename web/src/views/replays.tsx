import {
  DELIVERY_EVENTS,
  DELIVERY_STATES,
  type DeliveryEvent,
  type DeliveryState,
} from '../../../src/delivery.ts';
import type { Replay, ReplayRequest } from '../../../src/http/schemas/replay.ts';
import { useApi } from '../context.ts';
import { Confirm } from '../elements/confirm.tsx';
import { Page } from '../elements/page.tsx';
import { Pager } from '../elements/pager.tsx';
import { Problem } from '../elements/problem.tsx';
import { State } from '../elements/state.tsx';
import { Time } from '../elements/time.tsx';
import { useAction, useLoaded } from '../live.ts';
import { link, type Route } from '../route.ts';

const LOOK_MS = 2_000;
const PAGE = 25;

export function Replays({ route: { query } }: { route: Route }) {
  const api = useApi();
  const after = query.get('after');
  const { value, problem, reload } = useLoaded({
    of: `${after}`,
    load: (signal) => api.replays.page({ limit: PAGE, ...(after !== null && { after }) }, signal),
    // No event tells of a replay's progress.
    everyMs: LOOK_MS,
  });
  return (
    <Page title="Replays">
      <NewReplay key={query.toString()} query={query} onMade={reload} />
      <Problem problem={problem} />
      {value?.items.length === 0 && <p class="hint">Nothing was sent again in bulk so far.</p>}
      {value?.items.map((replay) => (
        <One key={replay.id} replay={replay} onChange={reload} />
      ))}
      {value && (
        <Pager
          newest={after === null ? null : link(['replays'])}
          older={value.next === null ? null : link(['replays'], { after: value.next })}
        />
      )}
    </Page>
  );
}

function One({ replay, onChange }: { replay: Replay; onChange: () => void }) {
  const api = useApi();
  const cancel = useAction(async () => {
    await api.replays.cancel(replay.id);
    onChange();
  });
  const { in_flight, body_gone } = replay.skipped;
  return (
    <article class="replay" aria-label={`Replay ${replay.id}`}>
      <header>
        <State of={replay.state} />
        <strong>
          {replay.resent} of {replay.matched} sent again
        </strong>
        <span>at most {replay.rate} a second</span>
        <Time at={replay.created_at} />
        {replay.state === 'running' && (
          <Confirm label="Call off" disabled={cancel.busy} onConfirm={cancel.run}>
            No more are made due. Those that are stay due.
          </Confirm>
        )}
      </header>
      <p>{filterWords(replay.filter)}</p>
      {in_flight + body_gone > 0 && (
        <p class="hint">
          Left out: {in_flight} on their way, {body_gone} whose body was removed.
        </p>
      )}
      <Problem problem={cancel.problem} />
    </article>
  );
}

function filterWords(filter: Replay['filter']): string {
  const parts = Object.entries(filter).map(([name, value]) => `${name} ${[value].flat().join(', ')}`);
  return parts.length === 0 ? 'Every callback.' : `Where ${parts.join('; ')}.`;
}

/** To choose from; the one that the page was asked for is there in any case. */
const MOST_ENDPOINTS = 1_000;

function NewReplay({ query, onMade }: { query: URLSearchParams; onMade: () => void }) {
  const api = useApi();
  const asked = query.has('state') ? query.getAll('state') : ['failed'];
  const endpoints = useLoaded({
    of: 'endpoints',
    load: async (signal) => (await api.endpoints.page({ limit: MOST_ENDPOINTS }, signal)).items,
  });
  const given = query.get('endpoint');
  const make = useAction(async (form: FormData) => {
    await api.replays.create(readRequest(form));
    onMade();
  });
  return (
    <form
      class="panel"
      onSubmit={(event) => {
        event.preventDefault();
        make.run(new FormData(event.currentTarget));
      }}
    >
      <fieldset>
        <legend>Send again every callback that is</legend>
        <div class="row">
          {DELIVERY_STATES.map((state) => (
            <label key={state} class="check">
              <input type="checkbox" name="state" value={state} defaultChecked={asked.includes(state)} />
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
        <button type="submit" class="main" disabled={make.busy}>
          Send again
        </button>
        <span class="hint">With no state chosen, those of every state.</span>
      </div>
      <Problem problem={make.problem ?? endpoints.problem} />
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
