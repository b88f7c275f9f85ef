import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { analyseInThread } from '../../src/addons/language-thread.ts';
import { spoken } from './labelled.ts';

const LINE =
  'Hi, this is John Smith from Berlin, the delivery was terrible, call five five five one two three four.';
const ask = { entities: true, sentiment: true, redaction: { entityTypes: [], style: 'MARKER' as const } };
const lines = (count: number) => Array.from({ length: count }, (_, index) => spoken(LINE, index * 10));

test('10,000 words are analysed while this thread goes on', async () => {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const analysis = await analyseInThread(lines(560), ask, new AbortController().signal);
  delay.disable();
  expect(analysis.utterances).toHaveLength(560);
  expect(analysis.redacted).toMatchObject({ NAME: 1, LOCATION_CITY: 1, PHONE_NUMBER: 1 });
  expect(analysis.sentiment).toHaveLength(560);
  // In this thread the same work would be one pause of seconds; on a busy machine a pause may be long all the same.
  expect(delay.percentile(99) / 1e6).toBeLessThan(200);
});

test('an aborted signal ends the thread in the middle of its work', async () => {
  const abort = new AbortController();
  const analysis = analyseInThread(lines(5_000), ask, abort.signal);
  const reason = new Error('stopping');
  setImmediate(() => abort.abort(reason));
  await expect(analysis).rejects.toBe(reason);
  await expect(analyseInThread(lines(1), ask, abort.signal)).rejects.toBe(reason);
});
