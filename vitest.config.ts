import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/rig/postgres.ts'],
    pool: 'forks',
    // Node runs the sources itself, as it does in production: no second module system under the tests.
    experimental: { viteModuleRunner: false },
    // `ringback/client` is the source, as tsconfig.json has it, not what was built of it some time ago.
    execArgv: ['--conditions=ringback-source'],
    // Two cores: more files at a time only makes the real model and the real database slower.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
