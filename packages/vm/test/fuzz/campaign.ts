import { readdirSync, readFileSync } from 'node:fs';
import { compileTypes, open, type Spec } from 'skep';
import { Hostile, type Original } from './hostile.ts';

/**
 * Hostile programs for as long as it takes: random bytes, random programs with calls of helpers and maps, and changed
 * copies of the programs of the benchmarks and examples.
 *
 *     npm run fuzz -w packages/vm -- [--programs N] [--seed N]
 */
const programs = Number(option('--programs') ?? 1_000_000);
const first = Number(option('--seed') ?? 1);

/** Buffers of whole pages: there is one among the machine's own maps. */
const RINGS = new Set([27, 31]);
const originals: Original[] = [];
for (const folder of ['../../bench/workloads/', '../../../../examples/']) {
  const at = new URL(folder, import.meta.url);
  for (const name of readdirSync(at)) {
    if (!name.endsWith('.bpf.c')) continue;
    const spec = compiled(name, readFileSync(new URL(name, at)));
    if (spec === undefined) continue;
    // Maps of one name may differ between objects.
    const own = (one: string): string => `${name}/${one}`;
    // Small maps, so that two machines are quickly made and looked at.
    const maps = spec.maps
      .filter((one) => one.data === undefined && !RINGS.has(one.type))
      .map((one) => ({ ...one, name: own(one.name), maxEntries: Math.min(one.maxEntries || 2, 16) }));
    for (const program of spec.programs) {
      const references = program.references.map((one) => ('map' in one ? { ...one, map: own(one.map) } : one));
      if (references.every((one) => !('map' in one) || maps.some(({ name: known }) => known === one.map)))
        originals.push({ program: { ...program, references, lineInfo: [] }, maps });
    }
  }
}
const hostile = new Hostile(originals);
const start = Date.now();
for (let i = 0; i < programs; i++) {
  hostile.try(first + i);
  if ((i + 1) % 100_000 === 0) report();
}
report();

/** Some programs need types that the machine's kernel does not have. */
function compiled(name: string, source: Uint8Array): Spec | undefined {
  try {
    return open(name, source, { vmlinux: compileTypes }).spec;
  } catch {
    console.log(`${name} cannot be compiled here`);
    return undefined;
  }
}

function report(): void {
  console.log(JSON.stringify({ seconds: Math.round((Date.now() - start) / 1000), ...hostile.tally }));
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}
