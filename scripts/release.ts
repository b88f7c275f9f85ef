// `npm run release`: checks everything, then tags the version of package.json. `-- --dry-run` checks and tags nothing;
// `-- --publish` also publishes to npm, after the tag. Nothing is pushed.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { entryOf, releaseProblems } from './release-checks.ts';

const { values: flags } = parseArgs({
  options: { 'dry-run': { type: 'boolean', default: false }, publish: { type: 'boolean', default: false } },
});

const say = (line: string) => process.stdout.write(`${line}\n`);
const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' });

/** What it prints is seen as it comes. */
function passes(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): void {
  say(`\n$ ${command} ${args.join(' ')}`);
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) fail([`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}.`]);
}

function fail(problems: readonly string[]): never {
  for (const problem of problems) process.stderr.write(`release: ${problem}\n`);
  process.exit(1);
}

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const changelog = readFileSync('CHANGELOG.md', 'utf8');
const problems = releaseProblems({
  version,
  changelog,
  branch: git('rev-parse', '--abbrev-ref', 'HEAD').trim(),
  status: git('status', '--porcelain'),
  tags: git('tag', '--list').split('\n'),
});
if (problems.length > 0) fail(problems);

passes('npm', ['run', 'check']);
// RELEASE: the test of the package may not be skipped, wherever the registry is.
passes('npm', ['test'], { RELEASE: '1' });
const left = git('status', '--porcelain');
if (left !== '') fail([`The checks left changes behind:\n${left.trimEnd()}`]);

const tag = `v${version}`;
if (flags['dry-run']) {
  say(`\nAll is well. A dry run: ${tag} is not made${flags.publish ? ', and nothing is published' : ''}.`);
} else {
  git(
    'tag',
    '--annotate',
    tag,
    '--cleanup=verbatim',
    '--message',
    `${tag}\n\n${entryOf(version, changelog) ?? ''}`,
  );
  say(`\nTagged ${tag}. Push it with: git push origin ${tag}`);
  if (flags.publish) passes('npm', ['publish']);
  else say('Nothing is published: npm publish, or the next time npm run release -- --publish.');
}
