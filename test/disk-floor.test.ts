// A floor under the free space, on a real disk.
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { DiskFloor } from '../src/disk-floor.ts';
import { shortageOf } from '../src/shortage.ts';

test('above the floor there is room; below it the disk is what is short, and the sentence names the folder', async () => {
  await new DiskFloor([tmpdir()], 1).check();
  const refusal = await new DiskFloor([tmpdir()], Number.MAX_SAFE_INTEGER)
    .check()
    .catch((error: unknown) => error);
  expect(shortageOf(refusal)).toBe('disk');
  expect((refusal as Error).message).toContain(`The disk of ${tmpdir()} has less than`);
});

test('a folder that is gone is no shortage', async () => {
  const refusal = await new DiskFloor(['/no/such/folder'], 1).check().catch((error: unknown) => error);
  expect([shortageOf(refusal), (refusal as { code: string }).code]).toEqual([null, 'ENOENT']);
});
