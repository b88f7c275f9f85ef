import type { Replay } from '../../../src/http/schemas/replay.ts';
import { useApi } from '../context.ts';
import { Confirm } from '../elements/confirm.tsx';
import { Empty } from '../elements/empty.tsx';
import { NewReplay } from '../elements/new-replay.tsx';
import { Page } from '../elements/page.tsx';
import { Pager } from '../elements/pager.tsx';
import { Problem } from '../elements/problem.tsx';
import { State } from '../elements/state.tsx';
import { Time } from '../elements/time.tsx';
import { whole } from '../format.ts';
import { useAction, useLoaded } from '../live.ts';
import { filterWords, shareDone, skippedSentence } from '../replay-words.ts';
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
      {value?.items.length === 0 && (
        <Empty
          title="Nothing was sent again in bulk so far"
          command="ringback callbacks replay --state failed --dry-run"
        >
          Say above which callbacks are meant: how many they are is told before anything is sent. Or on a
          terminal:
        </Empty>
      )}
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
  const share = shareDone(replay);
  const skipped = skippedSentence(replay.skipped);
  return (
    <article class="replay" aria-label={`Replay ${replay.id}`}>
      <header>
        <State of={replay.state} />
        <strong>
          {whole(replay.resent)}
          {replay.expected !== null && ` of ${whole(replay.expected)}`} sent again
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
      {replay.state === 'running' && share !== null && (
        <progress max={1} value={share} aria-label="How far it is" />
      )}
      {skipped !== null && <p class="hint">{skipped}</p>}
      <Problem problem={cancel.problem} />
    </article>
  );
}
