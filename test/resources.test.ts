// What this machine has left, on a real disk and with real descriptors.
import { closeSync, openSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { spaceFloor } from '../src/disk-space.ts';
import { shortNow } from '../src/resources.ts';
import { ShortageLog } from '../src/shortage-log.ts';
import { smallDisk } from './rig/tmpfs.ts';

test('a disk that is nearly full is said, and no more when there is room', async ({ skip }) => {
  const disk = await smallDisk(2);
  if (!disk) return skip('mounting a small disk needs root');
  const resources = { folders: [disk.folder], descriptorLimit: Number.POSITIVE_INFINITY };
  try {
    expect(await shortNow(resources)).toEqual([]);
    await disk.fill(20_000);
    expect(await shortNow(resources)).toEqual(['disk']);
    await disk.empty();
    expect(await shortNow(resources)).toEqual([]);
  } finally {
    await disk.remove();
  }
});

test('the floor is a fiftieth of a small disk, and 256 MiB of a large one', () => {
  expect(spaceFloor({ size: 1e9 })).toBe(2e7);
  expect(spaceFloor({ size: 1e12 })).toBe(256 * 2 ** 20);
});

test.skipIf(process.platform !== 'linux')('descriptors nearly used up are said', async () => {
  const open = (await readdir('/proc/self/fd')).length;
  const limit = open + 40;
  expect(await shortNow({ folders: [], descriptorLimit: limit * 2 })).toEqual([]);
  const held = Array.from({ length: 40 }, () => openSync('/dev/null', 'r'));
  expect(await shortNow({ folders: [], descriptorLimit: limit })).toEqual(['descriptors']);
  for (const fd of held) closeSync(fd);
});

test('the log says each shortage at once, and then once a minute with how often it was met', () => {
  let now = 0;
  const said: object[] = [];
  const log = new ShortageLog({ log: { warn: (fields) => said.push(fields) }, now: () => now });
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  for (let n = 0; n < 100; n++) log.met(full, 'a request');
  log.met(new Error('a bug'), 'a request');
  log.found('memory', 'a transcription');
  expect(said).toMatchObject([
    { short: 'disk', times: 1 },
    { short: 'memory', times: 1 },
  ]);
  now += 60_000;
  log.met(full, 'a request');
  expect(said[2]).toMatchObject({ short: 'disk', times: 100 });
});
