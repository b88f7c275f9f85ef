// What a search finds, as it is shown.
import { type Static, Type } from 'typebox';
import { FOUND_KINDS } from '../../found.ts';
import { closed, nullable, operation, Time } from './operation.ts';

export const SEARCH_CHARACTERS = 2_000;

export const Found = Type.Object(
  {
    kind: Type.Enum([...FOUND_KINDS]),
    id: Type.String({ format: 'uuid' }),
    title: nullable(Type.String({ description: 'File name, URL (without its query) or name.' })),
    state: nullable(Type.String()),
    matched: Type.Enum(['id', 'custom_metadata', 'url'], { description: 'What of it fits.' }),
    created_at: Time,
  },
  { title: 'Found', ...closed },
);
export type Found = Static<typeof Found>;

export const search = operation({
  id: 'search',
  tag: 'Callbacks',
  summary: 'Search all there is by the beginning of an id, by custom metadata or by URL',
  description:
    'Up to ten of each kind. An id or its beginning (four digits or more) finds transcriptions, callbacks, endpoints, inboxes, replays and keys; `key=value` finds transcriptions by their `custom_metadata`; any other text finds endpoints by a part of their URL.',
  query: Type.Object({ q: Type.String({ minLength: 1, maxLength: SEARCH_CHARACTERS }) }),
  answers: {
    200: { says: 'What was found.', schema: Type.Object({ items: Type.Array(Found) }, closed) },
  },
  refusals: ['request_invalid'],
});
