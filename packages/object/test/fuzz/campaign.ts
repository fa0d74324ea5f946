/**
 * Damaged objects by the million, by hand: the command stands in the package's README. Stops at the first failure, whose
 * object is left in a file; `--seed N --from I --count 1` has it again.
 */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../../../../test/support/random.mjs';
import { mutate } from './mutate.ts';
import { PATIENCE, readEverything } from './readers.ts';
import { seeds } from './seeds.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
  },
});
const sound = seeds();
const first = Number(values.from);
const end = first + Number(values.count);
const seen = { read: 0, refused: 0 };
let slowest = 0;
const started = performance.now();

for (let index = first; index < end; index++) {
  const random = new Random(Number(values.seed) * 1_000_003 + index);
  const seed = sound[random.below(sound.length)]!;
  const bytes = mutate(seed, random);
  const { user, system } = process.cpuUsage();
  try {
    seen[readEverything(bytes, seed.bytes)]++;
  } catch (error) {
    fail(index, seed.name, bytes, error);
  }
  const used = process.cpuUsage();
  const milliseconds = (used.user + used.system - user - system) / 1000;
  slowest = Math.max(slowest, milliseconds);
  if (milliseconds > PATIENCE) fail(index, seed.name, bytes, new Error(`took ${Math.round(milliseconds)} ms`));
  if ((index + 1 - first) % 50_000 === 0) report(index + 1 - first);
}
report(end - first);

function report(done: number): void {
  const seconds = Math.round((performance.now() - started) / 1000);
  const memory = Math.round(process.memoryUsage().rss / 2 ** 20);
  console.log(
    `${done} objects in ${seconds} s: ${seen.read} read, ${seen.refused} refused; slowest ${Math.round(slowest)} ms, ${memory} MiB`,
  );
}

function fail(index: number, name: string, bytes: Uint8Array, error: unknown): never {
  const file = join(tmpdir(), `skep-damaged-${values.seed}-${index}.o`);
  writeFileSync(file, bytes);
  console.error(`object ${index} (of ${name}), kept in ${file}: ${(error as Error).stack}`);
  process.exit(1);
}
