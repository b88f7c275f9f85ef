#!/usr/bin/env node
// What `npx ringback` starts. It asks first whether this Node can run the rest, which an older one cannot even read; so
// there is nothing here that Node 14 does not know, and nothing is imported before the answer.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 19)) {
  import('./ringback.ts').catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  });
} else {
  process.stderr.write(
    `ringback: this is Node ${process.versions.node}, and Ringback needs Node 22.19 or newer: install it from https://nodejs.org, or run "npx -p node@26 -p ringback ringback".\n`,
  );
  process.exitCode = 1;
}
