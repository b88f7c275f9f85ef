// docs/addons.md names every type and group that a caller may ask for.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { REDACTABLE } from '../../src/entity-types.ts';

test('docs/addons.md lists what is recognised', () => {
  const page = readFileSync(new URL('../../docs/addons.md', import.meta.url), 'utf8');
  expect(REDACTABLE.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
