// `npm run torture -- NAME …`: the long proofs, one JSON line of figures each; exit 1 when one does not hold.
// The short proofs are tests beside this file.

const PROOFS = {
  'kill-loop': () => import('./kill-loop.ts'),
  database: () => import('./database-faults.ts'),
  formats: () => import('./formats.ts'),
  hostile: () => import('./hostile/hostile.ts'),
  media: () => import('./media.ts'),
  soak: () => import('./soak.ts'),
} as const;

const [name = '', ...rest] = process.argv.slice(2);
if (!(name in PROOFS)) {
  process.stderr.write(`npm run torture -- ${Object.keys(PROOFS).join(' | ')} [options]\n`);
  process.exit(2);
}
// By way of 'exit', where the database and the servers are told.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const { run } = await PROOFS[name as keyof typeof PROOFS]();
const figures = await run(rest);
process.stdout.write(`${JSON.stringify({ proof: name, ...figures })}\n`);
process.exit(figures.violationCount === 0 ? 0 : 1);
