import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { permitted } from '@skep/kernel';
import { compareRandom } from './compare.ts';

/**
 * Random TypeScript probes: plain JavaScript, the virtual machine and the kernel have to agree.
 *
 *     npm run random-probes -w packages/runtime -- [--count N] [--seed N]
 *
 * Files of programs that do not agree are left in a folder that is named.
 */
const option = (name: string, other: number) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? other : Number(process.argv[at + 1]);
};
const [count, first] = [option('--count', 1000), option('--seed', 1)];
const folder = mkdtempSync(join(tmpdir(), 'skep-random-probes-'));
const withKernel = permitted().ok;
const counts = { same: 0, refused: 0, differs: 0, events: 0, kernel: 0 };
const reasons = new Map<string, number[]>();
const note = (reason: string, seed: number) => reasons.set(reason, [...(reasons.get(reason) ?? []), seed]);
const start = Date.now();
for (let seed = first; seed < first + count; seed++) {
  const result = await compareRandom(seed, folder, withKernel);
  counts[result.kind]++;
  if (result.kind === 'same') {
    counts.events += result.events;
    if (result.kernel) counts.kernel++;
    else if (result.refusal !== undefined) note(`kernel: ${result.refusal.slice(0, 120)}`, seed);
  } else if (result.kind === 'refused') note(result.message.slice(0, 200), seed);
  else console.log(`seed ${seed}, ${result.home}:\n  ${result.wanted}\n  ${result.found}`);
  if ((seed - first) % 500 === 499) console.log(seed, JSON.stringify(counts));
}
console.log(
  `${count} programs from seed ${first} in ${Math.round((Date.now() - start) / 1000)} s: ${JSON.stringify(counts)}`,
);
for (const [reason, seeds] of [...reasons].sort((a, b) => b[1].length - a[1].length))
  console.log(`${seeds.length} × ${reason} (${seeds.slice(0, 5).join(' ')})`);
console.log(folder);
if (counts.differs > 0) process.exitCode = 1;
