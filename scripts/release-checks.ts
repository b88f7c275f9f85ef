// What must be true before a version is tagged. Pure: scripts/release.ts looks, and acts.

export type Looked = {
  version: string;
  changelog: string;
  branch: string;
  /** What `git status --porcelain` says. */
  status: string;
  tags: readonly string[];
};

const HEADING = /^## (.+)$/m;

/** What the changelog says of `version`; null when its topmost entry is another's or has no date. */
export function entryOf(version: string, changelog: string): string | null {
  const [, entry = ''] = changelog.split(/^## /m);
  const [heading = '', ...lines] = entry.split('\n');
  const [, named] = /^(\S+) \(\d{4}-\d\d-\d\d\)$/.exec(heading.trim()) ?? [];
  return named === version ? lines.join('\n').trim() : null;
}

/** Sentences, each with its cure; none when the version may be tagged. */
export function releaseProblems({ version, changelog, branch, status, tags }: Looked): string[] {
  const problems: string[] = [];
  if (branch !== 'main') problems.push(`The branch is ${branch}: release from main.`);
  if (status !== '') problems.push(`The working tree is not clean: commit or remove\n${status.trimEnd()}`);
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    problems.push(`"${version}" in package.json is no version: write it as 1.2.3.`);
  if (tags.includes(`v${version}`))
    problems.push(`v${version} is tagged already: raise "version" (npm version --no-git-tag-version minor).`);
  const entry = entryOf(version, changelog);
  if (entry === null) {
    const top = HEADING.exec(changelog)?.[1] ?? 'nothing';
    problems.push(
      `CHANGELOG.md begins with "${top}": its first heading must be "## ${version} (YYYY-MM-DD)".`,
    );
  } else if (entry === '') problems.push(`CHANGELOG.md says nothing of ${version}: tell what is new.`);
  return problems;
}
