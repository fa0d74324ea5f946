import { defineConfig } from 'vitest/config';

/** Tests run the sources as they are: the condition "skep-source" of every package leads to `src/`. */
export default defineConfig({
  resolve: { conditions: ['skep-source'] },
  ssr: { resolve: { conditions: ['skep-source'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
