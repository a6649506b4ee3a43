import { defineConfig } from 'vitest/config';

// Suites with real clients and servers as child processes: one file at a time, because they share two cores.
// biome-ignore lint/style/noDefaultExport: vitest asks for one
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts', 'test/soak/**/*.test.ts'],
    globalSetup: ['test/support/interop-s3-setup.ts'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
