// What deploys Ringback names settings that exist, gives a stop the time it may take, and copies what the package has.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readSettings, SETTINGS } from '../../src/settings.ts';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const FILES = ['Dockerfile', 'compose.yaml', 'deploy/ringback.service', 'deploy/kubernetes.yaml'];
const stopS = readSettings({}).stopTimeoutMs / 1_000;

test.each([...FILES, 'deploy/nginx.conf', 'deploy/Caddyfile', 'docs/operations.md'])(
  '%s names no setting that is not there',
  (name) => {
    const known = new Set<string>(SETTINGS.map(({ variable }) => variable));
    const named = read(name).match(/\bRINGBACK_[A-Z_]+\b/g) ?? [];
    expect(named.filter((variable) => !known.has(variable))).toEqual([]);
  },
);

test.each([
  ['compose.yaml', /stop_grace_period: (\d+)s/g, 1],
  ['deploy/ringback.service', /TimeoutStopSec=(\d+)/g, 1],
  ['deploy/kubernetes.yaml', /terminationGracePeriodSeconds: (\d+)/g, 3],
])('%s waits longer than a stop takes', (name, pattern, times) => {
  const seconds = [...read(name).matchAll(pattern)].map(([, s]) => Number(s));
  expect(seconds).toHaveLength(times);
  for (const s of seconds) expect(s).toBeGreaterThan(stopS);
});

test('a deployment a role', () => {
  const roles = [...read('deploy/kubernetes.yaml').matchAll(/RINGBACK_ROLE, value: (\w+)/g)].map(
    ([, role]) => role,
  );
  expect(roles).toEqual(readSettings({}).roles);
});

test('the image holds what the package runs with', () => {
  const { files } = JSON.parse(read('package.json')) as { files: string[] };
  const copied = [...read('Dockerfile').matchAll(/^COPY --from=build (.+) \S+$/gm)].flatMap(
    ([, paths = '']) => paths.split(' ').map((path) => path.replace('/app/', '')),
  );
  const forPeople = /^(deploy|docs\/.*|examples|CHANGELOG\.md)$/;
  expect(copied).toEqual(expect.arrayContaining(files.filter((path) => !forPeople.test(path))));
});

const { error } = spawnSync('systemd-analyze', ['--version']);
test.skipIf(error !== undefined)('systemd reads the unit, and finds it guarded', () => {
  const unit = fileURLToPath(new URL('../../deploy/ringback.service', import.meta.url));
  const verified = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
  expect([verified.status, verified.stderr]).toEqual([0, '']);
  const judged = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', unit]);
  expect(judged.status).toBe(0);
});
