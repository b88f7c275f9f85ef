// What is published: `dist`, the sources as JavaScript with their types and the packages that are carried along
// (carry.ts), and `web/dist`, the dashboard. npm runs it after `npm ci` and before `npm pack`. The repository itself runs
// its sources, and needs of this only the dashboard. `node scripts/build.ts dist` leaves the dashboard as it is, which a
// server of this folder may be reading just now.
import { execFile } from 'node:child_process';
import { chmod, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { carryPackages } from './carry.ts';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

/** Without the development dependencies there is nothing to build with; whoever left them out runs what was built before. */
function isInstalled(name: string): boolean {
  try {
    return createRequire(import.meta.url).resolve(`${name}/package.json`) !== '';
  } catch (error) {
    if ((error as { code?: unknown }).code === 'MODULE_NOT_FOUND') return false;
    throw error;
  }
}

async function compile(): Promise<void> {
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  await rm(DIST, { recursive: true, force: true });
  await promisify(execFile)(
    process.execPath,
    [join(typescript, 'bin/tsc'), '-p', join(ROOT, 'tsconfig.build.json')],
    {
      cwd: ROOT,
    },
  ).catch((error: { stdout?: string; message: string }) => {
    throw new Error(error.stdout || error.message);
  });
  // npm makes what it installs from a tarball executable, but `npm link` and a checkout do not.
  await chmod(join(DIST, 'cli/bin.js'), 0o755);
}

const missing = ['typescript', 'vite', 'onnxruntime-node'].filter((name) => !isInstalled(name));
if (missing.length > 0) {
  process.stderr.write(
    `Nothing is built: ${missing.join(', ')} not installed. Build with all dependencies (npm ci), then: npm prune --omit=dev\n`,
  );
} else {
  await compile();
  await carryPackages(join(DIST, 'node_modules'));
  if (process.argv[2] !== 'dist') await import('../web/build.ts');
}
