import { readdirSync, readFileSync } from 'node:fs';
import { compileTypes, open, type Spec } from 'skep';
import type { Original } from './hostile-machine.ts';

/** The programs of the benchmarks and of the examples, to be changed at random. */
export function originals(): Original[] {
  const found: Original[] = [];
  for (const folder of ['../../bench/workloads/', '../../../../examples/']) {
    const at = new URL(folder, import.meta.url);
    for (const name of readdirSync(at)) {
      if (!name.endsWith('.bpf.c')) continue;
      const spec = compiled(name, readFileSync(new URL(name, at)));
      if (spec === undefined) continue;
      // Maps of one name may differ between objects.
      const own = (one: string): string => `${name}/${one}`;
      // Small maps, so that machines are quickly made and looked at.
      const maps = spec.maps
        .filter((one) => one.data === undefined && !RINGS.has(one.type))
        .map((one) => ({ ...one, name: own(one.name), maxEntries: Math.min(one.maxEntries || 2, 16) }));
      for (const program of spec.programs) {
        const references = program.references.map((one) => ('map' in one ? { ...one, map: own(one.map) } : one));
        if (references.every((one) => !('map' in one) || maps.some(({ name: known }) => known === one.map)))
          found.push({ program: { ...program, references, lineInfo: [] }, maps });
      }
    }
  }
  return found;
}

/** Some programs need types that the machine's kernel does not have. */
function compiled(name: string, source: Uint8Array): Spec | undefined {
  try {
    return open(name, source, { vmlinux: compileTypes }).spec;
  } catch {
    console.log(`${name} cannot be compiled here`);
    return undefined;
  }
}

/** Buffers of whole pages: there is one among the machine's own maps. */
const RINGS = new Set([27, 31]);
