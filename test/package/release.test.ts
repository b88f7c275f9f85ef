// `npm run release` in repositories of its own: what stops it, that a dry run changes nothing, and what it tags.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { entryOf, releaseProblems } from '../../scripts/release-checks.ts';

const RELEASE = fileURLToPath(new URL('../../scripts/release.ts', import.meta.url));
const CHANGELOG = '# Changelog\n\n## 1.2.0 (2026-11-26)\n\n* New.\n\n## 1.1.0 (2026-10-01)\n\n* Old.\n';
const GOOD = { version: '1.2.0', changelog: CHANGELOG, branch: 'main', status: '', tags: ['v1.1.0'] };

test('each thing that is wrong is told with its cure', () => {
  expect(releaseProblems(GOOD)).toEqual([]);
  for (const [wrong, says] of [
    [{ branch: 'f7' }, /release from main/],
    [{ status: ' M src/main.ts\n' }, /not clean: commit or remove\n M src\/main\.ts$/],
    [{ version: '1.2' }, /no version/],
    [{ tags: ['v1.2.0'] }, /tagged already/],
    [{ version: '1.1.0', tags: [] }, /begins with "1\.2\.0 \(2026-11-26\)": .* "## 1\.1\.0 \(YYYY-MM-DD\)"/],
    [{ changelog: CHANGELOG.replace(' (2026-11-26)', '') }, /begins with "1\.2\.0"/],
    [{ changelog: CHANGELOG.replace('* New.\n', '') }, /says nothing of 1\.2\.0/],
    [{ changelog: '' }, /begins with "nothing"/],
  ] as const)
    expect(releaseProblems({ ...GOOD, ...wrong }).join('\n')).toMatch(says);
});

test('the changelog of Ringback is in that form', () => {
  const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(entryOf(version, read('CHANGELOG.md'))).toMatch(/\S/);
});

let repository: string;
const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.org', ...args], {
    cwd: repository,
    encoding: 'utf8',
  });
const release = (...args: string[]) =>
  spawnSync(process.execPath, [RELEASE, ...args], {
    cwd: repository,
    encoding: 'utf8',
    env: {
      ...process.env,
      ...{ GIT_COMMITTER_NAME: 'x', GIT_COMMITTER_EMAIL: 'x@example.org' },
    },
  });

beforeEach(async () => {
  repository = await mkdtemp(join(tmpdir(), 'ringback-release-'));
  const scripts = { check: 'echo checked', test: 'test "$RELEASE" = 1 && echo tested' };
  await writeFile(join(repository, 'package.json'), JSON.stringify({ name: 'x', version: '1.2.0', scripts }));
  await writeFile(join(repository, 'CHANGELOG.md'), CHANGELOG);
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-qm', 'All');
});
afterEach(() => rm(repository, { recursive: true, force: true }));

test('a dry run checks, tests, and tags nothing', () => {
  const { status, stdout } = release('--dry-run', '--publish');
  expect(stdout).toMatch(/checked[\s\S]*tested[\s\S]*v1\.2\.0 is not made, and nothing is published/);
  expect([status, git('tag', '--list')]).toEqual([0, '']);
});

test('a release tags with what the changelog says, publishes nothing by itself, and is made once', () => {
  const { status, stdout } = release();
  expect(stdout).toMatch(/Tagged v1\.2\.0[\s\S]*Nothing is published/);
  expect([status, git('tag', '--list', '--format=%(contents)').trim()]).toEqual([0, 'v1.2.0\n\n* New.']);
  const again = release();
  expect([again.status, again.stderr]).toEqual([1, expect.stringContaining('tagged already')]);
});

test('a failing check, or one that leaves changes behind, stops it', async () => {
  for (const check of ['exit 1', 'touch left']) {
    const scripts = { check, test: 'true' };
    await writeFile(
      join(repository, 'package.json'),
      JSON.stringify({ name: 'x', version: '1.2.0', scripts }),
    );
    git('commit', '-qam', 'Another check');
    const { status, stderr } = release();
    expect([status, stderr]).toEqual([1, expect.stringMatching(/run check failed|left changes behind/)]);
  }
  expect(git('tag', '--list')).toBe('');
});
