import { defineConfig } from 'vitest/config';

/** Tests run the sources as they are: the condition "skep-source" of every package leads to `src/`. */
export default defineConfig({
  resolve: { conditions: ['skep-source'] },
  ssr: { resolve: { conditions: ['skep-source'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    // Tests that take seconds alone take minutes on a machine that is busy.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
