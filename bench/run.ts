// `npm run bench -- NAME …`: runs one benchmark and prints its figures as one JSON line.
import { readdirSync } from 'node:fs';

const NAMES = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !['run.ts', 'wer.ts'].includes(file))
  .map((file) => file.slice(0, -'.ts'.length));

const [name = '', ...argv] = process.argv.slice(2);
if (!NAMES.includes(name)) {
  process.stderr.write(`npm run bench -- NAME, where NAME is one of ${NAMES.join(', ')}\n`);
  process.exit(1);
}
const { run } = (await import(`./${name}.ts`)) as { run: (argv: string[]) => Promise<object> };
process.stdout.write(`${JSON.stringify(await run(argv))}\n`);
