// A floor under the free space.
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { DiskFloor } from '../src/disk-floor.ts';
import { shortageOf } from '../src/shortage.ts';

test('above the floor there is room; below it the disk is what is short, and the sentence names the folder', async () => {
  const gigabytes = { size: 100e9, free: 1e9 };
  await new DiskFloor([tmpdir()], async () => gigabytes).check();
  const refusal = await new DiskFloor([tmpdir()], async () => ({ ...gigabytes, free: 1e6 }))
    .check()
    .catch((error: unknown) => error);
  expect(shortageOf(refusal)).toBe('disk');
  expect((refusal as Error).message).toContain(`The disk of ${tmpdir()} has less than`);
});

test('a folder that is gone is no shortage', async () => {
  const refusal = await new DiskFloor(['/no/such/folder']).check().catch((error: unknown) => error);
  expect([shortageOf(refusal), (refusal as { code: string }).code]).toEqual([null, 'ENOENT']);
});
