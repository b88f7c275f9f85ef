// `npm run showcase`: a server to look at, on a temporary folder, until it is interrupted. 600 jobs, ten kinds of
// receivers, 1,000 endpoints; `--jobs`, `--endpoints` and `--port` for others.
import { parseArgs } from 'node:util';
import { startShowcase } from './showcase/server.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '600' },
    endpoints: { type: 'string', default: '1000' },
    port: { type: 'string', default: '4747' },
  },
});
const showcase = await startShowcase({
  jobs: Number(values.jobs),
  endpoints: Number(values.endpoints),
  port: Number(values.port),
});
process.stdout.write(`${showcase.url}  key ${showcase.key}\n`);
await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
await showcase.stop();
