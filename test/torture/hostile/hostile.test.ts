// The hostile proof in short.
import { expect, test } from 'vitest';
import { hostile } from './hostile.ts';

test('a stranger, a neighbour and a shortage of our own: the server goes on, the other account waits for nobody, nobody is blamed', async () => {
  const figures = await hostile({
    connections: 10,
    requests: 1_600,
    drips: 20,
    jobs: 40,
    callbacks: 100,
    uploads: 10,
    short: 6,
    kills: 2,
    sockets: 500,
    descriptors: 400,
    tell: () => {},
  });
  expect(figures.violations).toEqual([]);
}, 300_000);
