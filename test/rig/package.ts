// The package as its users have it: packed, installed into an empty folder from the npm registry, run by several Nodes.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The Nodes we promise, and one that is too old. The package "node" is a name for these, one a platform. */
export const NODES = { 20: '20.19.0', 22: '22.19.0', 24: '24.11.0', 26: '26.10.0' } as const;
export type NodeMajor = keyof typeof NODES;

export type Ran = { code: number; output: string };

export type Installed = {
  folder: string;
  /** A command with this Node first on its path. */
  run(node: NodeMajor, command: string, args: readonly string[]): Promise<Ran>;
  pathOf(node: NodeMajor): string;
  remove(): Promise<void>;
};

/** Why nothing can be installed here; null when it can. */
export async function registryTrouble(): Promise<string | null> {
  const { output } = await run('npm', ['config', 'get', 'registry'], tmpdir(), process.env);
  const registry = output.trim().split('\n').at(-1) ?? '';
  try {
    const answer = await fetch(new URL('commander', registry), {
      method: 'HEAD',
      signal: AbortSignal.timeout(5_000),
    });
    return answer.ok ? null : `the npm registry ${registry} answers ${answer.status}`;
  } catch (error) {
    return `the npm registry ${registry} cannot be reached: ${(error as Error).message}`;
  }
}

export async function packAndInstall(): Promise<Installed> {
  const temporary = await mkdtemp(join(tmpdir(), 'ringback-package-'));
  const remove = () => rm(temporary, { recursive: true, force: true });
  try {
    const folder = join(temporary, 'app');
    const nodes = join(temporary, 'nodes');
    const kind = `node-${process.platform}-${process.arch}`;
    const aliases = Object.entries(NODES).map(([major, version]) => `n${major}@npm:${kind}@${version}`);
    await must(process.execPath, [join(ROOT, 'scripts/build.ts'), 'dist'], ROOT);
    // The scripts of `npm pack` build, too; they would also change the dashboard under servers of other tests.
    const [packed] = await Promise.all([
      must('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', temporary], ROOT),
      must('npm', ['install', ...QUIETLY, '--prefix', nodes, ...aliases], temporary),
    ]);
    const tarball = join(temporary, /ringback-[\w.-]+\.tgz/.exec(packed)?.[0] ?? '');
    await must('npm', ['install', ...QUIETLY, '--prefix', folder, tarball], temporary);
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    const pathOf = (node: NodeMajor) => join(nodes, `node_modules/n${node}/bin/node`);
    return {
      folder,
      pathOf,
      run: (node, command, args) =>
        run(command, args, folder, {
          HOME: temporary,
          PATH: [dirname(pathOf(node)), process.env.PATH].join(delimiter),
        }),
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

const QUIETLY = ['--no-audit', '--no-fund', '--prefer-offline'];

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env, maxBuffer: 64e6 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, output: `${stdout}${stderr}${code === -1 ? error?.message : ''}` });
    });
  });
}

async function must(command: string, args: readonly string[], cwd: string): Promise<string> {
  // npm tells its scripts a lot about itself by these, and would take it for settings of the other folder.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  const { code, output } = await run(command, args, cwd, env);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`);
  return output;
}
