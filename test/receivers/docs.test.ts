// docs/receivers.md shows parts of the examples and names versions: both must still be true.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { exampleFile } from '../rig/example.ts';

const page = await readFile(new URL('../../docs/receivers.md', import.meta.url), 'utf8');

/** Code blocks under "From [file]", up to the next heading. */
const shown = page.split('\n## ').flatMap((section) => {
  const file = /^From \[([\w.-]+)\]/m.exec(section)?.[1];
  if (!file) return [];
  return [...section.matchAll(/```\w+\n([\s\S]*?)```/g)].map(([, code = '']) => ({ file, code }));
});

test('every line of code that is shown is in its example, in that order', async () => {
  expect(shown.map(({ file }) => file)).toEqual([
    'express.mjs',
    'express.mjs',
    'fastify.mjs',
    'python_receiver.py',
    'python_receiver.py',
    'nginx.conf',
  ]);
  for (const { file, code } of shown) {
    const lines = (await readFile(exampleFile(file), 'utf8')).split('\n');
    let at = -1;
    for (const line of code.split('\n').filter((text) => text.trim() !== '')) {
      at = lines.indexOf(line, at + 1);
      expect(at, `${file}: ${line}`).toBeGreaterThanOrEqual(0);
    }
  }
});

test('the versions it was tested with are those installed', () => {
  const installed = { ...manifest.dependencies, ...manifest.devDependencies };
  for (const name of ['express', 'fastify', 'standardwebhooks', 'svix'] as const)
    expect(page).toContain(`| ${name} | ${installed[name]} |`);
  expect(page).toContain(`| Node | ${installed.node} |`);
});
