// One box for whatever somebody has in hand.
import { type Static, Type } from 'typebox';
import { closed, nullable, operation, Time } from './operation.ts';

export const SearchHit = Type.Object(
  {
    kind: Type.Enum(['transcription', 'callback', 'endpoint']),
    id: Type.String({ format: 'uuid' }),
    name: Type.String({ description: 'A file name, or a URL without its query.' }),
    state: nullable(Type.String({ description: 'Of a transcription its status, of a callback its state.' })),
    callback_state: nullable(
      Type.String({ description: 'Of a transcription: how its newest callback stands.' }),
    ),
    matched: Type.Enum(['id', 'metadata', 'file_name', 'url', 'error', 'status'], {
      description: 'What of it is what was asked for.',
    }),
    created_at: Time,
  },
  { title: 'SearchHit', ...closed },
);
export type SearchHit = Static<typeof SearchHit>;

export const SearchQuery = Type.Object({
  q: Type.String({
    minLength: 1,
    maxLength: 200,
    description:
      'An id or its beginning, part of a URL or of a file name, `key=value` of custom_metadata or a part of it, an error code, or the HTTP status of a last answer.',
  }),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 20 })),
});
export type SearchQuery = Static<typeof SearchQuery>;

export const search = operation({
  id: 'search',
  tag: 'Server',
  summary: 'Transcriptions, callbacks and endpoints by whatever is known of them',
  description: 'The surest first: ids, then metadata, then the rest among the newest 20,000 of each kind.',
  query: SearchQuery,
  answers: {
    200: { says: 'What was found.', schema: Type.Object({ items: Type.Array(SearchHit) }, closed) },
  },
  refusals: ['request_invalid'],
});
