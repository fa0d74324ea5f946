// `npm test`: install, build, lint, type-check, run all tests. With CI=true the counts go to .cache/vitest.json too.
import { join } from 'node:path';
import { prepare, root, run } from './prepare.mjs';

const bin = (name) => join(root, 'node_modules', name);
const step = (title, file, args) => {
  console.error(`skep: ${title} …`);
  run(process.execPath, [bin(file), ...args]);
};

prepare();
step('linting', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']);
step('checking types', 'typescript/bin/tsc', ['-p', 'tsconfig.test.json']);
const reporters = process.env.CI
  ? ['--reporter=default', '--reporter=json', `--outputFile.json=${join(root, '.cache/vitest.json')}`]
  : [];
step('testing', 'vitest/vitest.mjs', ['run', ...reporters, ...process.argv.slice(2)]);
