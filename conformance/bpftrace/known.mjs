// @ts-check
/** Results of tests: how they are counted, and how they compare with those that are known to fail. */
import { readFileSync } from 'node:fs';

/**
 * @typedef {{ id: string, suite: string, needs: string, result: 'pass' | 'fail' | 'skip', why: string, output: string }} Result
 */

/** Which tests are known to fail, by reason, in each home. @returns {Record<string, Record<string, string[]>>} */
export function knownFailures() {
  return JSON.parse(readFileSync(new URL('failures.json', import.meta.url), 'utf8'));
}

/** @param {readonly Result[]} results @param {string} title */
export function report(results, title) {
  const row = (/** @type {string} */ name, /** @type {readonly Result[]} */ list) => {
    const count = (/** @type {string} */ result) =>
      String(list.filter((one) => one.result === result).length).padStart(4);
    process.stdout.write(`${name.padEnd(16)} ${count('pass')} pass ${count('fail')} fail ${count('skip')} skip`);
  };
  for (const suite of new Set(results.map((one) => one.suite))) {
    row(
      suite,
      results.filter((one) => one.suite === suite),
    );
    process.stdout.write('\n');
  }
  row('all', results);
  process.stdout.write(` (${title})\n`);
}

/**
 * Says which tests fail and are not known to, and which are known to fail and pass. Gives the exit code.
 * @param {readonly Result[]} results @param {string} home
 */
export function compareWithKnown(results, home) {
  const known = new Map(
    Object.entries(knownFailures()[home] ?? {}).flatMap(([reason, ids]) => ids.map((id) => [id, reason])),
  );
  let surprises = 0;
  for (const { id, result, why } of results) {
    if (result === 'skip' || (result === 'fail') === known.has(id)) continue;
    surprises += 1;
    process.stdout.write(
      result === 'fail'
        ? `not known to fail: ${id}: ${why}\n`
        : `known to fail (${known.get(id)}), and passes: ${id}\n`,
    );
  }
  if (surprises === 0) process.stdout.write('what fails is what is known to fail\n');
  return surprises === 0 ? 0 : 1;
}
