// Builds the dashboard into `web/dist`. Runs by itself after `npm ci`; without the development dependencies
// (`npm ci --omit=dev`) there is nothing to build with, and the server says so at `/`.
try {
  const { build } = await import('vite');
  await build({
    root: import.meta.dirname,
    configFile: `${import.meta.dirname}/vite.config.ts`,
    logLevel: 'warn',
  });
} catch (error) {
  if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
  process.stderr.write('The dashboard is not built: vite is not installed.\n');
}
