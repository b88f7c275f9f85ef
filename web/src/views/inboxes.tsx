import type { Inbox } from '../../../src/http/schemas/inbox.ts';
import { useApi } from '../context.ts';
import { Copy } from '../elements/copy.tsx';
import { Empty } from '../elements/empty.tsx';
import { type Column, Cut, List } from '../elements/list.tsx';
import { Page } from '../elements/page.tsx';
import { Problem } from '../elements/problem.tsx';
import { Time } from '../elements/time.tsx';
import { whole } from '../format.ts';
import { sequenceOf } from '../inbox-answer.ts';
import { UNTOLD_EVERY_MS, useAction, useLoaded } from '../live.ts';
import { go, link } from '../route.ts';

const COLUMNS: readonly Column<Inbox>[] = [
  { name: 'Inbox', cell: ({ id, name }) => <Cut text={name} href={link(['inboxes', id])} /> },
  { name: 'Requests', figures: true, cell: ({ last_number }) => whole(last_number) },
  { name: 'Last one', cell: ({ last_request_at: at }) => <Time at={at} /> },
  { name: 'Answers', from: 'medium', cell: (inbox) => <Cut text={answersWords(inbox)} /> },
  { name: 'Address', from: 'wide', rest: true, cell: ({ address }) => <Copy text={address} /> },
];

function answersWords({ answer, forward, forwarder_connected: connected }: Inbox): string {
  if (connected) return 'as your machine does';
  return forward ? '503, until listen runs' : sequenceOf(answer);
}

export function Inboxes() {
  const api = useApi();
  const { value, problem } = useLoaded({
    of: 'inboxes',
    load: (signal) => api.inboxes.page({ limit: 100 }, signal),
    everyMs: UNTOLD_EVERY_MS,
  });
  const make = useAction(async (name: string) => {
    const { id } = await api.inboxes.create({ name });
    go(['inboxes', id]);
  });
  return (
    <Page title="Inboxes" problem={problem}>
      <p class="hint">
        An inbox is a receiver of this server: give its address as callback URL, see here what came, and tell
        it what to answer. Or let it pass everything on to your machine.
      </p>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          make.run(String(new FormData(event.currentTarget).get('name')).trim());
        }}
      >
        <input name="name" required maxLength={100} aria-label="Name" placeholder="name of a new inbox" />
        <button type="submit" class="main" disabled={make.busy}>
          New inbox
        </button>
      </form>
      <Problem problem={make.problem} />
      {problem === undefined && (
        <List
          label="Inboxes"
          columns={COLUMNS}
          rows={value?.items}
          rowKey={({ id }) => id}
          expected={3}
          empty={
            <Empty title="No inbox yet" command="ringback listen --forward http://localhost:3000/hook">
              Make one above; or, to receive callbacks in a program on your machine without a tunnel or an
              open port:
            </Empty>
          }
        />
      )}
    </Page>
  );
}
