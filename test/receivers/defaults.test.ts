// Body limits as they come out of the box: what a receiver that nobody configured makes of a long transcript.
import Fastify from 'fastify';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type DeliverRig, startDeliverRig } from '../rig/deliver.ts';
import { type Example, startExample } from '../rig/example.ts';

const LONG = 1_500_000;
const resultUrl = 'http://127.0.0.1:1/v2/pre-recorded/long';

let rig: DeliverRig;
beforeAll(async () => {
  // The second wait is an hour: the reference form must come at once, not by the schedule.
  rig = await startDeliverRig({ schedule: [0, 3_600_000] });
});
afterAll(() => rig.stop());
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function firstTry(limit?: string): Promise<Example> {
  const example = await startExample(new URL('first-try.mjs', import.meta.url), {
    ...(limit === undefined ? {} : { env: { BODY_LIMIT: limit } }),
  });
  stops.push(() => example.stop());
  return example;
}

const AS_REFERENCE = {
  state: 'delivered',
  attempts: [
    { number: 1, form: 'full', status: 413, outcome: 'too_large', error_class: null },
    { number: 2, form: 'reference', status: 200, outcome: 'delivered' },
  ],
};
const AS_FULL = { state: 'delivered', attempts: [{ form: 'full', status: 200, outcome: 'delivered' }] };

test("Express' own limit of 100 kB: a short transcript comes whole, a long one by reference", async () => {
  const express = await firstTry();
  const short = await rig.open({ url: express.url, bytes: 50_000 });
  expect(await express.line(short)).toMatch(/^full/);
  for (const bytes of [110_000, LONG, 8_000_000]) {
    const id = await rig.open({ url: express.url, bytes, resultUrl });
    expect(await express.line(id)).toMatch(
      /^reference \S+ payload_too_large \d{6,7} http:\/\/127.0.0.1:1\/v2\/pre-recorded\/long$/,
    );
    const seen = await rig.ended(id);
    expect(seen).toMatchObject(AS_REFERENCE);
    const [full, reference] = seen.attempts.map((row) => row.started_at.getTime());
    expect(Number(reference) - Number(full), 'at once').toBeLessThan(5_000);
  }
});

test("Express with limit: '20mb': the long transcript comes whole", async () => {
  const express = await firstTry('20mb');
  const id = await rig.open({ url: express.url, bytes: LONG });
  expect(await express.line(id)).toMatch(/^full/);
  expect(Number((await express.line(id)).split(' ')[2])).toBeGreaterThan(LONG);
  expect(await rig.ended(id)).toMatchObject(AS_FULL);
});

test("Fastify's own limit of 1 MiB: by reference; with bodyLimit 20 MiB whole", async () => {
  for (const [options, expected] of [
    [{}, AS_REFERENCE],
    [{ bodyLimit: 20 * 1024 * 1024 }, AS_FULL],
  ] as const) {
    const fastify = Fastify(options);
    const events: string[] = [];
    fastify.post('/hooks/stt', async (request) => {
      events.push('payload' in (request.body as object) ? 'full' : 'reference');
      return {};
    });
    const url = `${await fastify.listen({ port: 0, host: '127.0.0.1' })}/hooks/stt`;
    stops.push(() => fastify.close());
    const id = await rig.open({ url, bytes: LONG });
    expect(await rig.ended(id)).toMatchObject(expected);
    expect(events).toEqual([expected.attempts.at(-1)?.form]);
  }
});

test('a dozen long transcripts at once: none waits for the lease of its endpoint to end', async () => {
  const express = await firstTry('20mb');
  const ids = await Promise.all(
    Array.from({ length: 12 }, () => rig.open({ url: express.url, bytes: 300_000 })),
  );
  // Four at a time, and a lease lasts 10 s and more: were nothing more claimed under one, the last would be 20 s late.
  for (const id of ids) expect(await rig.ended(id, 9_000)).toMatchObject(AS_FULL);
});
