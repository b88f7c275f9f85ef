// Loaded into a server under soak (`node --import`): says every second, in a file, what only the process itself knows.
import { writeFileSync } from 'node:fs';

const path = process.env.SOAK_PROBE_FILE;
// Its speech processes inherit the environment; they are not what is measured.
if (path && process.argv[2] === 'serve')
  setInterval(() => {
    const resources = process.getActiveResourcesInfo();
    const timers = resources.filter((name) => name === 'Timeout' || name === 'Immediate').length;
    writeFileSync(path, JSON.stringify({ timers, resources: resources.length, ...process.memoryUsage() }));
  }, 1_000).unref();

export type Probe = NodeJS.MemoryUsage & { timers: number; resources: number };
