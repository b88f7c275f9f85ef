// Which pages there are, and which one an address names.
import type { VNode } from 'preact';
import type { IconName } from './elements/icon.tsx';
import { Page } from './elements/page.tsx';
import { link, type Route } from './route.ts';
import { Account } from './views/account.tsx';
import { Callback } from './views/callback.tsx';
import { Callbacks } from './views/callbacks.tsx';
import { Endpoint } from './views/endpoint.tsx';
import { Endpoints } from './views/endpoints.tsx';
import { Inbox } from './views/inbox.tsx';
import { Inboxes } from './views/inboxes.tsx';
import { NewTranscription } from './views/new-transcription.tsx';
import { Overview } from './views/overview.tsx';
import { Replays } from './views/replays.tsx';
import { Transcription } from './views/transcription.tsx';
import { Transcriptions } from './views/transcriptions.tsx';
import { Webhooks } from './views/webhooks.tsx';

export type Place = { name: string; label: string; icon: IconName };

/** In the bar at the bottom of a phone too. */
export const FIRST_PLACES: readonly Place[] = [
  { name: 'overview', label: 'Overview', icon: 'overview' },
  { name: 'transcriptions', label: 'Transcriptions', icon: 'transcriptions' },
  { name: 'callbacks', label: 'Callbacks', icon: 'callbacks' },
  { name: 'endpoints', label: 'Endpoints', icon: 'endpoints' },
];

/** On a phone behind "More". */
export const MORE_PLACES: readonly Place[] = [
  { name: 'inboxes', label: 'Inboxes', icon: 'inboxes' },
  { name: 'webhooks', label: 'Webhooks', icon: 'webhooks' },
  { name: 'replays', label: 'Replays', icon: 'replays' },
  { name: 'account', label: 'Account', icon: 'account' },
];

/** Of a list, by the first part of the address. */
const LISTS: Readonly<Record<string, (route: Route) => VNode>> = {
  overview: (route) => <Overview route={route} />,
  transcriptions: (route) => <Transcriptions route={route} />,
  callbacks: (route) => <Callbacks route={route} />,
  endpoints: (route) => <Endpoints route={route} />,
  inboxes: () => <Inboxes />,
  webhooks: () => <Webhooks />,
  replays: (route) => <Replays route={route} />,
  account: () => <Account />,
};

/** Of one thing, by the first part of the address and its id. */
const ONES: Readonly<Record<string, (id: string, route: Route) => VNode>> = {
  transcriptions: (id) => (id === 'new' ? <NewTranscription /> : <Transcription key={id} id={id} />),
  callbacks: (id) => <Callback key={id} id={id} />,
  inboxes: (id) => <Inbox key={id} id={id} />,
  endpoints: (id) => <Endpoint key={id} id={id} />,
  webhooks: (id) => <Webhooks key={id} only={id} />,
};

export const FIRST_PLACE = 'overview';

export function view(route: Route): VNode {
  const [place = FIRST_PLACE, id, ...more] = route.path;
  const list = Object.hasOwn(LISTS, place) ? LISTS[place] : undefined;
  const one = Object.hasOwn(ONES, place) ? ONES[place] : undefined;
  if (more.length === 0 && id === undefined && list) return list(route);
  if (more.length === 0 && id !== undefined && one) return one(id, route);
  return (
    <Page title="Nothing here">
      <p>
        No page has this address. <a href={link([])}>Go to the first page</a>
      </p>
    </Page>
  );
}
