// The server about itself: alive, ready, described. None of these needs a key.
import { type Static, Type } from 'typebox';
import { closed, operation } from './operation.ts';

const about = { tag: 'Server', keyless: true } as const;

export const Health = Type.Object(
  { status: Type.Enum(['ok', 'ready']), version: Type.String() },
  { title: 'Health', ...closed },
);
export type Health = Static<typeof Health>;

export const getHealth = operation({
  id: 'getHealth',
  summary: 'Alive, in the words of the hosted API',
  answers: { 200: { says: 'Alive.', schema: Type.Object({ health: Type.Literal('OK') }, closed) } },
  ...about,
});

export const getLiveness = operation({
  id: 'getLiveness',
  summary: 'The process is alive',
  answers: { 200: { says: 'Alive.', schema: Health } },
  ...about,
});

export const getReadiness = operation({
  id: 'getReadiness',
  summary: 'The database answers, nothing is nearly used up, and the server is not stopping',
  answers: { 200: { says: 'Ready.', schema: Health } },
  refusals: ['not_ready'],
  ...about,
});

export const getMetrics = operation({
  id: 'getMetrics',
  summary: 'For Prometheus',
  answers: {
    200: { says: 'Counts and times of all accounts.', schema: Type.String(), mediaType: 'text/plain' },
  },
  ...about,
});

export const getDashboard = operation({
  id: 'getDashboard',
  summary: 'The dashboard: a page that uses these routes, with your key',
  answers: { 200: { says: 'The page.', schema: Type.String(), mediaType: 'text/html' } },
  ...about,
});

export const getDocument = operation({
  id: 'getOpenApiDocument',
  summary: 'This document',
  answers: { 200: { says: 'OpenAPI 3.1.', schema: Type.Object({}) } },
  ...about,
});
