// Puts into `dist/node_modules`, where compiled code finds them before anything else, the few files we need of packages
// that cannot be dependencies of whoever installs Ringback:
// * onnxruntime-node downloads CUDA from NuGet in its install script on Linux, 700 MB that we do not use, and brings 134 MB
//   for Windows, where the embedded PostgreSQL does not run;
// * moonshine-js and vad-web, of which we take nothing but models, depend on @huggingface/transformers and onnxruntime-web;
//   our `overrides` keep those out of this repository, but npm does not heed the overrides of a dependency.
import { copyFile, link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';

type Carried = {
  /** Paths in the package, files or folders, that go along. */
  take: readonly string[];
  /** Of the package's own manifest, beside its name, version and licence. */
  keep: readonly string[];
};

const BINARIES = 'bin/napi-v6';

/** Where both the embedded PostgreSQL and ONNX Runtime 1.30 run. */
const CARRIED: Readonly<Record<string, Carried>> = {
  'onnxruntime-node': {
    take: [
      'README.md',
      'dist/index.js',
      'dist/backend.js',
      'dist/binding.js',
      'dist/version.js',
      `${BINARIES}/linux/x64`,
      `${BINARIES}/linux/arm64`,
      `${BINARIES}/darwin/arm64/onnxruntime_binding.node`,
      // What the binding asks for; libonnxruntime.1.30.0.dylib is the same file again.
      `${BINARIES}/darwin/arm64/libonnxruntime.1.dylib`,
    ],
    keep: ['main'],
  },
  '@usefulsensors/moonshine-js': {
    take: ['dist/model/base/quantized', 'dist/model/tiny/quantized'],
    keep: [],
  },
  '@ricky0123/vad-web': { take: ['dist/silero_vad_v5.onnx'], keep: [] },
};

export async function carryPackages(folder: string): Promise<void> {
  for (const [name, { take, keep }] of Object.entries(CARRIED)) {
    const manifest = findPackageJSON(name, import.meta.url);
    if (manifest === undefined) throw new Error(`${name} is not installed: run "npm ci"`);
    for (const path of take) await carry(join(dirname(manifest), path), join(folder, name, path));
    const all = JSON.parse(await readFile(manifest, 'utf8')) as Record<string, unknown>;
    const kept = Object.fromEntries(
      ['name', 'version', 'license', ...keep].flatMap((key) => (key in all ? [[key, all[key]]] : [])),
    );
    await writeFile(join(folder, name, 'package.json'), `${JSON.stringify(kept, null, 2)}\n`);
  }
}

/** The same file under a second name, which takes no room; a copy where the folders are on different disks. */
async function carry(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') return null;
    throw error;
  });
  if (entries !== null) {
    for (const { name } of entries) await carry(join(from, name), join(to, name));
    return;
  }
  await mkdir(dirname(to), { recursive: true });
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EXDEV' || error.code === 'EPERM') return copyFile(from, to);
    throw error;
  });
}
