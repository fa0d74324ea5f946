// The last line of `.ci/run`, from the report of vitest. A file that failed before its first test counts as one failure.
import { existsSync, readFileSync } from 'node:fs';

const path = process.argv[2];
let passed = 0;
let failed = 0;
let skipped = 0;
if (path !== undefined && existsSync(path)) {
  for (const file of JSON.parse(readFileSync(path, 'utf8')).testResults) {
    const before = failed;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed++;
      else if (test.status === 'failed') failed++;
      else skipped++;
    }
    if (file.status === 'failed' && failed === before) failed++;
  }
} else {
  console.error('ci: the tests did not run: see the messages above');
  failed = 1;
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 ? 1 : 0;
